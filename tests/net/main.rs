//! Two homes behind routers, and a relay on a public network: what address translation, firewalls and cut cables do.
//!
//! Goal: homes find each other without open ports, directly where routers let them and through the relay elsewhere, and
//! a transfer survives a cable that is pulled for a while. Method: `natlab.sh` builds the networks from namespaces, and
//! `crates/net/examples/probe.rs` plays home and relay in them. Where namespaces are not allowed, each test says so and
//! passes.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]
#![expect(clippy::print_stdout, reason = "a test says what it skipped, or how fast it was")]

mod lab;

use std::time::{Duration, Instant};

use serde_json::Value;

use lab::{Lab, Probe};

const MEGA: u64 = 1_000_000;

/// Homes A and B know each other's relay (and external) address; A has connected.
struct Meeting {
    lab: Lab,
    a: Probe,
    b: Probe,
    _relay: Probe,
}

/// Builds the networks and lets A dial B; `before` may break something first. `None` where it can't be tried.
fn meet(nat_a: &str, nat_b: &str, before: impl Fn(&Lab)) -> Option<Meeting> {
    let lab = Lab::up(nat_a, nat_b)?;
    let relay = lab.relay();
    before(&lab);
    let mut a = lab.home("A", 1, nat_a == "forward");
    let mut b = lab.home("B", 2, nat_b == "forward");
    // Only what an invitation holds is known: the relay, and an address that somebody set up by hand.
    let reachable = |home: &mut Probe| {
        let line = home.wait("address", |line| line["address"]["relay"].is_string());
        let mut address = line["address"].clone();
        let direct = address["direct"].as_array_mut().unwrap();
        direct.retain(|one| {
            one.as_str().unwrap().ends_with(":4433") && one.as_str().unwrap().starts_with("203.")
        });
        address
    };
    let (at_a, at_b) = (reachable(&mut a), reachable(&mut b));
    b.tell(&format!("learn {at_a}"));
    a.tell(&format!("learn {at_b}"));
    a.tell(&format!("connect {}", b.node));
    let connected = a.wait("connected", |_| true);
    println!("{nat_a} and {nat_b}: connected in {} ms", connected["ms"]);
    Some(Meeting { lab, a, b, _relay: relay })
}

impl Meeting {
    /// Waits until A reaches B this way; says how long it took.
    fn reached(&mut self, how: &str) -> Duration {
        let begun = Instant::now();
        self.a.wait("path", |line| line["path"] == how);
        println!("path is {how} after {} ms", begun.elapsed().as_millis());
        begun.elapsed()
    }

    /// A sends to B at its own pace.
    fn send(&mut self, bytes: u64, rate: u64) {
        let node = self.b.node.clone();
        self.a.tell(&format!("send {node} {bytes} {rate}"));
    }

    /// What A sent is what B received.
    fn arrived(&mut self, bytes: u64) {
        let sent = self.a.outcome("sent");
        let received = self.b.outcome("received");
        assert_eq!((&sent["error"], &received["error"]), (&Value::Null, &Value::Null), "{sent} {received}");
        assert_eq!((&received["bytes"], &received["hash"]), (&Value::from(bytes), &sent["hash"]));
        let ms = received["ms"].as_u64().unwrap().max(1);
        println!("{bytes} bytes in {ms} ms, {} MB/s", bytes / 1000 / ms);
    }

    /// The path right now.
    fn path(&mut self) -> String {
        let node = self.b.node.clone();
        self.a.tell(&format!("path {node}"));
        // Answers carry no time, events do.
        let line = self.a.wait("path", |line| line["at_ms"].is_null());
        line["path"].as_str().unwrap().to_owned()
    }
}

#[test]
fn net_homes_behind_ordinary_routers_meet_directly() {
    let Some(mut meeting) = meet("cone", "cone", |_| {}) else { return };
    meeting.reached("direct");
    meeting.send(20 * MEGA, 0);
    meeting.arrived(20 * MEGA);
    assert_eq!(meeting.path(), "direct");
}

#[test]
fn net_homes_behind_symmetric_routers_meet_through_the_relay() {
    let Some(mut meeting) = meet("symmetric", "symmetric", |_| {}) else { return };
    meeting.send(10 * MEGA, 0);
    meeting.arrived(10 * MEGA);
    assert_eq!(meeting.path(), "relay");
}

#[test]
fn net_a_forwarded_port_makes_the_way_direct() {
    let Some(mut meeting) = meet("forward", "symmetric", |_| {}) else { return };
    meeting.reached("direct");
    meeting.send(10 * MEGA, 0);
    meeting.arrived(10 * MEGA);
}

#[test]
fn net_homes_without_udp_meet_through_the_relay() {
    let without_udp = |lab: &Lab| {
        lab.run(&["block", "A"]);
        lab.run(&["block", "B"]);
    };
    let Some(mut meeting) = meet("cone", "cone", without_udp) else { return };
    meeting.send(10 * MEGA, 0);
    meeting.arrived(10 * MEGA);
    assert_eq!(meeting.path(), "relay");
}

#[test]
fn net_homes_on_one_network_find_each_other_by_themselves() {
    let Some(lab) = Lab::up("cone", "cone") else { return };
    let (mut a, mut b) = (lab.neighbour("A", 1), lab.neighbour("A", 2));
    let begun = Instant::now();
    let (node_a, node_b) = (a.node.clone(), b.node.clone());
    a.wait("found", |line| line["node"] == node_b);
    b.wait("found", |line| line["node"] == node_a);
    println!("found after {} ms", begun.elapsed().as_millis());
    a.tell(&format!("connect {node_b}"));
    a.wait("connected", |_| true);
    a.wait("path", |line| line["path"] == "direct");
}

#[test]
fn net_a_cable_pulled_in_mid_transfer_costs_only_time() {
    let Some(mut meeting) = meet("cone", "cone", |_| {}) else { return };
    meeting.reached("direct");
    meeting.send(16 * MEGA, 2 * MEGA);
    std::thread::sleep(Duration::from_secs(3));
    meeting.lab.run(&["cut", "A"]);
    std::thread::sleep(Duration::from_secs(10));
    meeting.lab.run(&["heal", "A"]);
    meeting.arrived(16 * MEGA);
    assert!(!meeting.a.saw("down"), "the connection was the same all the time");
}

#[test]
fn net_udp_blocked_in_mid_transfer_moves_to_the_relay_and_back() {
    let Some(mut meeting) = meet("cone", "cone", |_| {}) else { return };
    meeting.reached("direct");
    meeting.send(30 * MEGA, MEGA);
    std::thread::sleep(Duration::from_secs(2));
    meeting.lab.run(&["block", "A"]);
    assert!(meeting.reached("relay") < Duration::from_secs(20));
    meeting.lab.run(&["heal", "A"]);
    meeting.reached("direct");
    meeting.arrived(30 * MEGA);
    assert_eq!(meeting.path(), "direct");
    assert!(!meeting.a.saw("down"), "the connection was the same all the time");
}

#[test]
fn net_a_home_cut_off_for_long_is_given_up_and_found_again() {
    let Some(mut meeting) = meet("cone", "cone", |_| {}) else { return };
    meeting.reached("direct");
    meeting.lab.run(&["cut", "A"]);
    let begun = Instant::now();
    let down = meeting.a.wait("down", |_| true);
    let noticed = begun.elapsed();
    println!("{} after {} ms", down["reason"], noticed.as_millis());
    assert!(noticed > Duration::from_secs(20) && noticed < Duration::from_secs(40), "{noticed:?}");
    assert_eq!(meeting.path(), "off");
    meeting.lab.run(&["heal", "A"]);
    let node = meeting.b.node.clone();
    let again = Instant::now() + Duration::from_secs(60);
    loop {
        meeting.a.tell(&format!("connect {node}"));
        if meeting.a.wait_any(&["connected", "failed"])["event"] == "connected" {
            break;
        }
        assert!(Instant::now() < again, "it should have come back");
    }
    meeting.send(MEGA, 0);
    meeting.arrived(MEGA);
}
