//! The program `heirloom`: parses the command line and hands over to [`heirloom::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    heirloom::cli::main()
}
