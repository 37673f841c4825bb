//! Comments: what people note about a question, for people.

use bytes::Bytes;
use uuid::Uuid;

use super::list::{Listed, Page};
use super::operation::{Answer, Operation, Tx, result_at};
use super::{Engine, authorize, closing, escalations, limits, read_error, validate};
use crate::domain::digest::FieldHasher;
use crate::domain::error::{Error, Resource};
use crate::domain::escalation::{Comment, Escalation};
use crate::domain::event::EventKind;
use crate::domain::ids::{CommentId, EscalationId};
use crate::domain::principal::Principal;
use crate::store::{Direction, keys, records};

/// Notes something.
#[derive(Clone, Debug)]
pub struct AddComment {
    /// Makes retries safe; may be empty.
    pub request_id: String,
    /// The escalation.
    pub escalation: EscalationId,
    /// The words.
    pub text: String,
}

/// A comment with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentView {
    /// The comment.
    pub comment: Comment,
    /// The words.
    pub text: String,
}

struct Commenting<'a>(&'a AddComment);

impl Operation for Commenting<'_> {
    type Output = Comment;
    const METHOD: &'static str = "AddComment";

    fn fingerprint(&self, hasher: &mut FieldHasher) {
        hasher.field(self.0.escalation.as_bytes()).field(self.0.text.as_bytes());
    }

    async fn attempt(&self, tx: &mut Tx<'_>) -> Result<(Comment, Vec<Uuid>), Error> {
        let mut escalation = escalations::get(tx, self.0.escalation).await?;
        escalation.comment(tx.now)?;
        let id = tx.next_id();
        let comment = Comment {
            id: CommentId::new(id),
            escalation: escalation.id,
            author: tx.by.name().to_owned(),
            text: tx.bytes(Bytes::copy_from_slice(self.0.text.as_bytes()), None)?,
            create_time: tx.now,
        };
        let tenant = tx.tenant();
        tx.put(keys::escalation(tenant, escalation.id), &escalation)?;
        tx.put(keys::comment(tenant, escalation.id, comment.id), &comment)?;
        let subjects = closing::subjects(&escalation);
        tx.event_about(EventKind::EscalationCommented, subjects, None, &[comment.text]);
        Ok((comment, vec![id]))
    }

    async fn replay(
        &self,
        engine: &Engine,
        tenant: &str,
        results: &[Uuid],
    ) -> Result<Comment, Error> {
        let id = CommentId::new(result_at(results, 0)?);
        let found = engine.read(&keys::comment(tenant, self.0.escalation, id)).await?;
        found.ok_or_else(|| Error::DataDamaged { cause: format!("{id} is named but missing") })
    }
}

impl Engine {
    /// Notes something about an escalation for the calling reviewer.
    pub async fn add_comment(
        &self,
        caller: &Principal,
        command: AddComment,
    ) -> Result<Answer<CommentView>, Error> {
        let by = authorize::reviewer(caller)?;
        validate::words("text", &command.text)?;
        let answer = self.transact(&by, &command.request_id, &Commenting(&command)).await?;
        let view = self.comment_view(answer.value.clone()).await?;
        Ok(answer.map(|_| view))
    }

    /// Lists what people noted about an escalation, oldest first.
    pub async fn list_comments(
        &self,
        caller: &Principal,
        page: Page,
        escalation: EscalationId,
    ) -> Result<Listed<CommentView>, Error> {
        authorize::overseer(caller)?;
        let tenant = &caller.tenant;
        let found = self.read::<Escalation>(&keys::escalation(tenant, escalation)).await?;
        found.ok_or_else(|| Error::not_found(Resource::Escalation, escalation))?;
        let range = keys::comments(tenant, escalation);
        let mut walk = self.walk(range, Direction::Ascending, &page, "comments")?;
        let (mut items, mut bytes) = (Vec::new(), 0);
        while items.len() < walk.size && bytes < limits::PAGE_BYTES {
            let Some((key, value)) = walk.next(self).await? else { break };
            walk.took(&key);
            let view = self.comment_view(records::decode(&value).map_err(read_error)?).await?;
            bytes += view.text.len();
            items.push(view);
        }
        let next_page_token = walk.next_token(self).await?;
        Ok(Listed { items, next_page_token })
    }

    async fn comment_view(&self, comment: Comment) -> Result<CommentView, Error> {
        let text = self.text(Some(&comment.text)).await?;
        Ok(CommentView { comment, text })
    }
}
