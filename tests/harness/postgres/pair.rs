//! A primary and a standby that has everything before it is acknowledged.

use super::create_database;
use super::node::Node;

/// Two PostgreSQL servers, of which one replicates the other synchronously, and one
/// database on both. Dropping it kills them and removes their data.
pub struct Pair {
    /// In the order of the DSN, whoever leads.
    nodes: [Node; 2],
    leader: usize,
    database: String,
}

// === impl Pair ===

impl Pair {
    /// Starts both, and returns when no commit is acknowledged that only one has.
    pub fn start() -> Self {
        let mut primary = Node::create();
        let database = create_database(&primary);
        let standby = Node::create_standby(&primary, super::free_port());
        primary.wait_for_standby();
        Self { nodes: [primary, standby], leader: 0, database }
    }

    /// How the database is reached, whoever leads.
    pub fn dsn(&self) -> String {
        let [one, other] = self.nodes.each_ref().map(Node::address);
        let database = &self.database;
        format!("postgres://postgres@{one},{other}/{database}?target_session_attrs=read-write")
    }

    /// Kills the primary and all of its children at once. The standby stays one until
    /// [`Pair::promote`]: nobody takes writes.
    pub fn kill_primary(&mut self) {
        self.nodes[self.leader].kill();
    }

    /// Starts a primary that was killed or stopped again: nobody was promoted.
    pub fn restart_primary(&mut self) {
        self.nodes[self.leader].launch();
    }

    /// Lets the primary shut down as soon as its clients have gone, and take no new
    /// ones (`pg_ctl stop -m smart`). Returns at once.
    pub fn ask_primary_to_stop(&self) {
        self.nodes[self.leader].signal("TERM");
    }

    /// Shuts the primary down with its clients' transactions rolled back
    /// (`pg_ctl stop -m fast`).
    pub fn stop_primary(&mut self) {
        self.nodes[self.leader].stop();
    }

    /// Makes the standby lead although it lacks what was committed since it was
    /// killed: an operator's mistake that loses acknowledged commits.
    pub fn lose(&mut self) {
        self.nodes[self.leader].kill();
        self.nodes[1 - self.leader].launch();
        self.promote();
    }

    /// Lets the primary acknowledge what no standby has.
    pub fn forget_standby(&mut self) {
        self.nodes[self.leader].forget_standby();
    }

    /// All that the one that leads has logged.
    pub fn primary_log(&self) -> String {
        self.nodes[self.leader].whole_log()
    }

    /// Kills the standby and all of its children at once: the primary acknowledges no
    /// commit until [`Pair::rejoin`].
    pub fn kill_standby(&mut self) {
        self.nodes[1 - self.leader].kill();
    }

    /// Lets the standby lead, after the primary was killed. It does not wait for a
    /// standby of its own before [`Pair::rejoin`].
    pub fn promote(&mut self) {
        self.nodes[1 - self.leader].promote();
        self.leader = 1 - self.leader;
    }

    /// Replaces the one that does not lead by a new standby on the same port, with a
    /// fresh copy of the data. Returns when commits wait for it.
    pub fn rejoin(&mut self) {
        let port = self.nodes[1 - self.leader].port();
        self.nodes[1 - self.leader].kill();
        self.nodes[1 - self.leader] = Node::create_standby(&self.nodes[self.leader], port);
        self.nodes[self.leader].wait_for_standby();
    }

    /// The DSN of the database on the one that leads, and no other.
    pub fn primary_dsn(&self) -> String {
        self.nodes[self.leader].dsn(&self.database)
    }

    /// The last lines of both logs.
    pub fn log(&self) -> String {
        self.nodes.each_ref().map(Node::log).join("\n--\n")
    }
}
