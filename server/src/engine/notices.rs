//! What admins see of notices and channels, and what they can do about them.

use uuid::Uuid;

use super::list::{Listed, Page};
use super::operation::{Answer, Operation, Tx, result_at};
use super::outbox::{self, Channel, ChannelKind, LastAttempts, To};
use super::{Engine, authorize};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, Resource};
use crate::domain::ids::NoticeId;
use crate::domain::notice::{Notice, NoticeEvent, NoticeKind, NoticeState};
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;
use crate::store::{Direction, keys};

/// A channel, as this server finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelView {
    /// Its name.
    pub name: String,
    /// How it sends.
    pub kind: ChannelKind,
    /// Which notices it gets without being named.
    pub events: Vec<NoticeKind>,
    /// Whether it sends nothing more until the next start.
    pub is_off: bool,
    /// How many notices wait for it.
    pub waiting: usize,
    /// When the oldest of them was written.
    pub oldest: Option<Timestamp>,
    /// What came of its attempts of late.
    pub last: LastAttempts,
}

struct Retry(NoticeId);

impl Operation for Retry {
    type Output = Notice;
    const METHOD: &'static str = "RetryNotice";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.0.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Notice, Vec<Uuid>), Error> {
        let found = tx.get::<Notice>(keys::notice(tx.tenant(), self.0)).await?;
        let mut notice = found.ok_or_else(|| not_found(self.0))?;
        if notice.state.after(NoticeEvent::Retry).is_none() {
            return Err(Error::NoticeClosed {
                notice: notice.id.to_string(),
                state: notice.state.name(),
                at: notice.close_time.unwrap_or(notice.create_time),
            });
        }
        outbox::advance(tx, &mut notice, NoticeEvent::Retry)?;
        // What comes of an attempt that is under way is not for this one.
        notice.epoch += 1;
        notice.attempts = 0;
        notice.close_time = None;
        let now = tx.now;
        outbox::reschedule(tx, &mut notice, now)?;
        Ok((notice, Vec::new()))
    }

    async fn replay(&self, engine: &Engine, tenant: &str, _: &[Uuid]) -> Result<Notice, Error> {
        engine.existing_notice(tenant, self.0).await
    }
}

struct SendTest<'a>(&'a str);

impl Operation for SendTest<'_> {
    type Output = Notice;
    const METHOD: &'static str = "SendTestNotice";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.0.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Notice, Vec<Uuid>), Error> {
        let notice = tx.notify(NoticeKind::Test, None, To::Channel(self.0))?;
        let notice = notice.into_iter().next();
        let notice = notice.ok_or_else(|| Error::Internal {
            cause: "a notice to one channel was not written".to_owned(),
        })?;
        let results = vec![Uuid::from_bytes(*notice.id.as_bytes())];
        Ok((notice, results))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Notice, Error> {
        engine.existing_notice(tenant, NoticeId::new(result_at(results, 0)?)).await
    }
}

fn not_found(id: NoticeId) -> Error {
    Error::not_found(Resource::Notice, id)
}

impl Engine {
    async fn existing_notice(&self, tenant: &str, id: NoticeId) -> Result<Notice, Error> {
        let found = self.read(&keys::notice(tenant, id)).await?;
        found.ok_or_else(|| super::views::missing(Resource::Notice, &id))
    }

    /// Returns one notice.
    pub async fn get_notice(&self, caller: &Principal, id: NoticeId) -> Result<Notice, Error> {
        authorize::overseer(caller)?;
        let found = self.read(&keys::notice(&caller.tenant, id)).await?;
        found.ok_or_else(|| not_found(id))
    }

    /// Returns a page of notices, the newest first; of one state, or of all.
    pub async fn list_notices(
        &self,
        caller: &Principal,
        page: Page,
        state: Option<NoticeState>,
    ) -> Result<Listed<Notice>, Error> {
        authorize::overseer(caller)?;
        let tenant = &caller.tenant;
        let range = match state {
            Some(state) => keys::notices_in(tenant, state),
            None => keys::notices(tenant),
        };
        let mut walk = self.walk(range, Direction::Descending, &page, "notices")?;
        let mut items = Vec::new();
        while items.len() < walk.size {
            let Some((key, _)) = walk.next(self).await? else { break };
            let Some(id) = keys::listed_notice(&key) else { continue };
            items.push(self.existing_notice(tenant, id).await?);
            walk.took(&key);
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items, next_page_token })
    }

    /// Has a notice tried again at once, whether it waits or was given up.
    pub async fn retry_notice(
        &self,
        caller: &Principal,
        request_id: &str,
        id: NoticeId,
    ) -> Result<Answer<Notice>, Error> {
        let by = authorize::admin(caller)?;
        self.transact(&by, request_id, &Retry(id)).await
    }

    /// Sends a notice that says nothing but that the channel works.
    pub async fn send_test_notice(
        &self,
        caller: &Principal,
        request_id: &str,
        channel: &str,
    ) -> Result<Answer<Notice>, Error> {
        let by = authorize::admin(caller)?;
        if self.0.channels.get(channel).is_none() {
            let (resource, id) = (Resource::NoticeChannel, channel.to_owned());
            return Err(Error::not_found(resource, id));
        }
        self.transact(&by, request_id, &SendTest(channel)).await
    }

    /// Says which channels this server has, and how it finds them.
    pub fn notice_channels(&self, caller: &Principal) -> Result<Vec<ChannelView>, Error> {
        authorize::overseer(caller)?;
        let view = |(name, channel): (&str, &std::sync::Arc<Channel>)| ChannelView {
            name: name.to_owned(),
            kind: channel.kind,
            events: channel.events.clone(),
            is_off: channel.is_off(),
            waiting: self.0.channels.waiting(name),
            oldest: self.0.channels.oldest_waiting(name),
            last: channel.last(),
        };
        Ok(self.0.channels.all().map(view).collect())
    }

    /// The channels, for counting.
    pub fn channels(&self) -> &outbox::Channels {
        &self.0.channels
    }
}
