//! An object store: a real S3 server in this process, on loopback.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// A server with one bucket, whose objects are files of a scratch folder; it ends when it is dropped.
pub struct Bucket {
    folder: TempDir,
    endpoint: String,
    task: JoinHandle<()>,
}

impl Bucket {
    /// The bucket's name.
    pub const NAME: &'static str = "photos";
    /// Who may use it.
    pub const ACCESS_KEY: &'static str = "AKIAHEIRLOOMTEST";
    /// The secret that goes with it.
    pub const SECRET_KEY: &'static str = "not-for-anybody-else";

    /// Serves an empty bucket on the runtime of the caller.
    ///
    /// # Panics
    /// When there is no room for the folder, or no port on loopback.
    pub async fn serve() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder can be made");
        std::fs::create_dir(folder.path().join(Self::NAME)).expect("the bucket can be made");
        let objects = s3s_fs::FileSystem::new(folder.path()).expect("the folder can hold a bucket");
        let mut service = S3ServiceBuilder::new(objects);
        service.set_auth(SimpleAuth::from_single(Self::ACCESS_KEY, Self::SECRET_KEY));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a port");
        let address = listener.local_addr().expect("a listener has an address");
        let task = tokio::spawn(accept(listener, service.build()));
        Self { folder, endpoint: format!("http://{address}"), task }
    }

    /// Where it is served.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The folder that holds the bucket's objects under their names.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join(Path::new(Self::NAME))
    }
}

async fn accept(listener: TcpListener, service: S3Service) {
    let (http, mut connections) = (Arc::new(Builder::new(TokioExecutor::new())), JoinSet::new());
    while let Ok((socket, _)) = listener.accept().await {
        let (service, http) = (service.clone(), Arc::clone(&http));
        connections.spawn(async move {
            // A client that goes away in the middle is none of the server's business.
            http.serve_connection(TokioIo::new(socket), service).await.unwrap_or_default();
        });
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.task.abort();
    }
}
