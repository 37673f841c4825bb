//! Pages over key ranges, with opaque tokens that fit one list only.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use super::{Engine, read_error, validate};
use crate::domain::digest::{FieldHasher, sha256};
use crate::domain::error::Error;
use crate::store::{Direction, KeyRange, keys};

const TOKEN_TAG: &str = "pointsman.page.v1";
const TAG_LENGTH: usize = 8;
/// How many rows one read of a walk fetches.
const ROWS_PER_READ: usize = 256;
/// How many rows are looked up at once.
const LOOKED_UP_TOGETHER: usize = 64;

/// Which page is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// How many items; 0 means the default, negative is an error.
    pub size: i32,
    /// The token of the page before; empty: the first page.
    pub token: String,
}

/// A page of items.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<T>,
    /// Asks for the next page; empty at the end.
    pub next_page_token: String,
}

/// A walk over a range that remembers where its page ended.
pub(super) struct Walk {
    /// How many items the page may have.
    pub(super) size: usize,
    range: KeyRange,
    direction: Direction,
    filter: [u8; TAG_LENGTH],
    rows: VecDeque<(Bytes, Bytes)>,
    is_exhausted: bool,
    last: Option<Bytes>,
}

fn filter_tag(tenant_and_filter: &str, start: &[u8]) -> [u8; TAG_LENGTH] {
    let mut hasher = FieldHasher::new(TOKEN_TAG);
    hasher.field(tenant_and_filter.as_bytes()).field(start);
    let mut tag = [0; TAG_LENGTH];
    tag.copy_from_slice(
        hasher.finish().as_bytes().first_chunk::<TAG_LENGTH>().unwrap_or(&[0; TAG_LENGTH]),
    );
    tag
}

impl Walk {
    /// The next row of the range, whether or not the page will show it.
    pub(super) async fn next(&mut self, engine: &Engine) -> Result<Option<(Bytes, Bytes)>, Error> {
        if self.rows.is_empty() && !self.is_exhausted {
            self.fetch(engine).await?;
        }
        Ok(self.rows.pop_front())
    }

    /// The next few rows, to be looked up together; none at the end of the range.
    pub(super) async fn few(&mut self, engine: &Engine) -> Result<Vec<Bytes>, Error> {
        if self.rows.is_empty() && !self.is_exhausted {
            self.fetch(engine).await?;
        }
        let few = LOOKED_UP_TOGETHER.min(self.rows.len());
        Ok(self.rows.drain(..few).map(|(key, _)| key).collect())
    }

    /// Puts back rows that the page has no more room for.
    pub(super) fn put_back(&mut self, keys: impl DoubleEndedIterator<Item = Bytes>) {
        for key in keys.rev() {
            self.rows.push_front((key, Bytes::new()));
        }
    }

    async fn fetch(&mut self, engine: &Engine) -> Result<(), Error> {
        let store = &engine.0.store;
        let found = store
            .scan(self.range.clone(), self.direction, ROWS_PER_READ)
            .await
            .map_err(read_error)?;
        self.is_exhausted = !found.has_more;
        if let Some((last, _)) = found.rows.last() {
            match self.direction {
                Direction::Ascending => self.range.start = keys::after(last),
                Direction::Descending => self.range.end = last.clone(),
            }
        }
        self.rows = found.rows.into_iter().map(|(key, row)| (key, row.value)).collect();
        Ok(())
    }

    /// Notes that the page shows the row of this key.
    pub(super) fn took(&mut self, key: &Bytes) {
        self.last = Some(key.clone());
    }

    /// The token of the next page; empty if nothing follows.
    pub(super) async fn next_token(&mut self, engine: &Engine) -> Result<String, Error> {
        let Some(last) = self.last.clone() else { return Ok(String::new()) };
        if self.next(engine).await?.is_none() {
            return Ok(String::new());
        }
        Ok(seal(self.filter, &last))
    }
}

fn seal(filter: [u8; TAG_LENGTH], last: &[u8]) -> String {
    let mut token = filter.to_vec();
    token.extend_from_slice(last);
    let check = sha256(&token);
    token.extend_from_slice(check.as_bytes().first_chunk::<4>().unwrap_or(&[0; 4]));
    URL_SAFE_NO_PAD.encode(token)
}

/// The token of a list that is no range of keys: where its page ended. `filter` names the
/// tenant and everything that decides what the list shows.
pub(super) fn seal_token(last: &[u8], filter: &str) -> String {
    seal(filter_tag(filter, &[]), last)
}

/// Where the page before ended, by its token; none: it is of another list, or damaged.
pub(super) fn open_token(token: &str, filter: &str) -> Option<Bytes> {
    read_token(token, filter_tag(filter, &[]))
}

fn read_token(token: &str, filter: [u8; TAG_LENGTH]) -> Option<Bytes> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (body, check) = bytes.split_last_chunk::<4>()?;
    let is_whole = sha256(body).as_bytes().first_chunk::<4>() == Some(check);
    let (tag, key) = body.split_first_chunk::<TAG_LENGTH>()?;
    (is_whole && *tag == filter).then(|| Bytes::copy_from_slice(key))
}

impl Engine {
    /// Begins a walk at a page of a range. `filter` is everything that decides
    /// which rows the list shows: a token fits it or is refused.
    pub(super) fn walk(
        &self,
        mut range: KeyRange,
        direction: Direction,
        page: &Page,
        filter: &str,
    ) -> Result<Walk, Error> {
        let size = validate::page_size(page.size)?;
        let tag = filter_tag(filter, &range.start);
        if !page.token.is_empty() {
            let last = read_token(&page.token, tag)
                .filter(|key| *key >= range.start && *key < range.end)
                .ok_or(Error::PageTokenInvalid)?;
            match direction {
                Direction::Ascending => range.start = keys::after(&last),
                Direction::Descending => range.end = last,
            }
        }
        Ok(Walk {
            size,
            range,
            direction,
            filter: tag,
            rows: VecDeque::new(),
            is_exhausted: false,
            last: None,
        })
    }
}
