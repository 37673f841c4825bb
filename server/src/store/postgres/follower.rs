//! Follows what other servers commit.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::rows::{ReadHead, ReadTail};
use super::shared::Shared;
use super::trouble::Trouble;
use crate::store::TailFrom;

/// How often the journal is looked at while rings are heard: one that was lost
/// costs no more than this.
const SELDOM: Duration = Duration::from_millis(100);
/// How often it is looked at while none is heard.
const OFTEN: Duration = Duration::from_millis(20);
/// How many commits are fetched at once.
const FETCH: usize = 256;
/// How long to wait before a line that broke is laid again.
const LINE_PAUSE: Duration = Duration::from_secs(1);

/// Fetches what others have committed, for as long as the store lives.
pub(super) async fn follow(shared: Arc<Shared>) {
    loop {
        let pause = if shared.bell.is_heard() { SELDOM } else { OFTEN };
        tokio::select! {
            () = shared.wake.notified() => {}
            () = sleep(pause) => {}
        }
        if let Err(trouble) = catch_up(&shared).await {
            shared.heed(&trouble);
            tracing::warn!(%trouble, "cannot follow the journal");
        }
    }
}

async fn catch_up(shared: &Shared) -> Result<(), Trouble> {
    let known = shared.known();
    let head = shared.database.ask(&ReadHead).await?;
    shared.check(&head, known)?;
    while shared.last() < head.commit {
        let from = TailFrom::Commit(shared.last());
        let frames = shared.database.ask(&ReadTail { from: &from, limit: FETCH }).await?;
        if frames.is_empty() {
            return Err(Trouble::damaged("the journal ends before its head"));
        }
        shared.extend(frames.into_iter().map(|frame| Arc::new(frame.into_record())));
    }
    shared.heads.learn(head);
    Ok(())
}

/// Rings and listens, for as long as the store lives.
pub(super) async fn attend(shared: Arc<Shared>, name: String) {
    loop {
        let trouble = match shared.database.listener().await {
            Ok(line) => shared.bell.attend(line, &name, &shared.wake).await,
            Err(trouble) => trouble,
        };
        tracing::info!(%trouble, "the database rings no bell; polling instead");
        sleep(LINE_PAUSE).await;
    }
}
