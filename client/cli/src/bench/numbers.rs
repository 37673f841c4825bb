//! The server's own counters, from its metrics page.

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What is read of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Numbers {
    /// Commits made durable.
    pub(super) commits: f64,
}

impl Numbers {
    /// Asks the server.
    pub(super) async fn read(address: &str) -> anyhow::Result<Self> {
        let authority = address.trim_start_matches("http://");
        let mut stream = TcpStream::connect(authority).await?;
        let request =
            format!("GET /metrics HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut page = Vec::new();
        stream.read_to_end(&mut page).await?;
        Self::parse(&String::from_utf8_lossy(&page))
    }

    fn parse(page: &str) -> anyhow::Result<Self> {
        let value = |name: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let value = line.and_then(|line| line.split(' ').next()?.parse().ok());
            value.with_context(|| format!("the metrics page has no `{name}`"))
        };
        Ok(Self { commits: value("pointsman_commits_total")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found() {
        let page = "# TYPE pointsman_commits counter\npointsman_commits_total 17\n# EOF\n";
        assert_eq!(Numbers::parse(page).unwrap(), Numbers { commits: 17.0 });
        assert!(Numbers::parse("").is_err());
    }
}
