//! Lays values out in lines with fixed indentation, within a bound.
//!
//! Where a payload is too long, room goes to the shortest values first: a long one
//! shows its beginning and its end, and never pushes out its neighbours.

use super::characters::{CLOSE, OPEN, byte_mark};
use super::json::{Node, Value};
use super::spelling::{Form, Piece, left_out, spell};
use super::{Line, Token, TokenKind, Trick, Tricks, line as safe_line};

/// About what a line takes beside its text.
const LINE_COST: usize = 48;
/// About what a token takes beside its text.
const TOKEN_COST: usize = 12;
/// The least room in which a value can show anything.
const LEAST_ROOM: usize = 256;
/// The least room in which a list or an object shows members of its own.
const LEAST_ROOM_INSIDE: usize = 3 * LEAST_ROOM;
/// The longest path of a value, in bytes; longer ones are left empty.
const LONGEST_PATH: usize = 200;

/// Lays out a JSON value.
pub(super) fn of_json(
    node: &Node<'_>,
    bytes: &[u8],
    room: usize,
    tricks: &mut Tricks,
) -> Vec<Line> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let block = measure(node, tricks);
    let mut page = Page { text, tricks, lines: Vec::new() };
    page.open_line(0, "");
    page.block(&block, room, 0, "");
    page.lines
}

/// Lays out a text of which at most so many characters are shown.
pub(super) fn of_text(words: &str, most: usize, tricks: &mut Tricks) -> Vec<Line> {
    let end = words.char_indices().nth(most).map_or(words.len(), |(at, _)| at);
    let (shown, rest) = words.split_at_checked(end).unwrap_or((words, ""));
    let mut pieces = spell(shown, Form::Text, tricks);
    if !rest.is_empty() {
        pieces.push(omitted(rest, end, tricks));
    }
    lines_of(pieces)
}

/// Lays out bytes that are no JSON, and perhaps no text.
pub(super) fn of_bytes(bytes: &[u8], room: usize, tricks: &mut Tricks) -> Vec<Line> {
    let mut pieces = Vec::new();
    for chunk in bytes.utf8_chunks() {
        pieces.extend(spell(chunk.valid(), Form::Text, tricks));
        for byte in chunk.invalid() {
            *tricks.entry(Trick::Undecodable).or_default() += 1;
            let token =
                Token { kind: TokenKind::Mark, ..Token::new(TokenKind::Mark, byte_mark(*byte)) };
            pieces.push(Piece { token, source: 0..0, ends_line: false });
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let cost: usize = pieces.iter().map(cost_of).sum();
    if cost > room && pieces.iter().all(|piece| !piece.source.is_empty()) {
        pieces = shortened(pieces, &text, room, tricks);
    } else if cost > room {
        let most = pieces.len() * room / cost;
        let left = pieces.len() - most;
        pieces.truncate(most);
        *tricks.entry(Trick::Omitted).or_default() += 1;
        let what = left_out(&format!("{left} more pieces of {} bytes", bytes.len()), &text);
        let token = Token::omission(what, None, left as u64);
        pieces.push(Piece { token, source: 0..0, ends_line: false });
    }
    lines_of(pieces)
}

fn lines_of(pieces: Vec<Piece>) -> Vec<Line> {
    let mut lines = vec![Line::default()];
    for Piece { token, ends_line, .. } in pieces {
        if let Some(line) = lines.last_mut() {
            line.tokens.push(token);
        }
        if ends_line {
            lines.push(Line { is_continued: true, ..Line::default() });
        }
    }
    lines
}

fn cost_of(piece: &Piece) -> usize {
    piece.token.text.len() + TOKEN_COST + if piece.ends_line { LINE_COST } else { 0 }
}

/// A part that is left out because it is too long.
fn omitted(part: &str, start: usize, tricks: &mut Tricks) -> Piece {
    *tricks.entry(Trick::Omitted).or_default() += 1;
    let count = part.chars().count();
    let text = left_out(&format!("{count} more characters"), part);
    let token = Token::omission(text, None, count as u64);
    Piece { token, source: start..start + part.len(), ends_line: false }
}

/// The beginning and the end of a text, and what is left out between them.
fn shortened(pieces: Vec<Piece>, text: &str, room: usize, tricks: &mut Tricks) -> Vec<Piece> {
    let mut taken = 0;
    let fits = |most: usize| {
        move |piece: &&Piece| {
            taken += cost_of(piece);
            taken <= most
        }
    };
    let head = pieces.iter().take_while(fits(room / 4 * 3)).count();
    let tail = pieces.iter().skip(head).rev().take_while(fits(room / 4)).count();
    let end = pieces.len() - tail;
    let Some(middle) = pieces.get(head..end).filter(|middle| !middle.is_empty()) else {
        return pieces;
    };
    let start = middle.first().map_or(0, |piece| piece.source.start);
    let stop = middle.last().map_or(0, |piece| piece.source.end);
    let gap = omitted(text.get(start..stop).unwrap_or_default(), start, tricks);
    let before = pieces.iter().take(head).cloned();
    before.chain([gap]).chain(pieces.iter().skip(end).cloned()).collect()
}

/// A value, spelt out, with what it takes.
struct Block<'a> {
    node: &'a Node<'a>,
    cost: usize,
    parts: Parts<'a>,
}

enum Parts<'a> {
    /// A value on one line.
    Plain(Token),
    /// A text.
    Text(Vec<Piece>, &'a str),
    /// The members of a list or object, with their names.
    Members(Vec<(Option<Name<'a>>, Block<'a>)>),
}

struct Name<'a> {
    written: &'a str,
    pieces: Vec<Piece>,
}

fn measure<'a>(node: &'a Node<'a>, tricks: &mut Tricks) -> Block<'a> {
    let (cost, parts) = match &node.value {
        Value::Literal(word) => (word.len(), Parts::Plain(Token::new(TokenKind::Literal, *word))),
        Value::Number(word) => (word.len(), Parts::Plain(Token::new(TokenKind::Number, *word))),
        Value::Text(text) => {
            let pieces = spell(text, Form::Json(TokenKind::String), tricks);
            let cost = pieces.iter().map(cost_of).sum::<usize>();
            (cost + 2 * TOKEN_COST, Parts::Text(pieces, text))
        }
        Value::List(items) => {
            let members: Vec<_> = items.iter().map(|it| (None, measure(it, tricks))).collect();
            (sum(&members), Parts::Members(members))
        }
        Value::Fields(fields) => {
            let mut members = Vec::with_capacity(fields.len());
            for (written, value) in fields {
                let pieces = spell(written, Form::Json(TokenKind::Key), tricks);
                let pieces = pieces.into_iter().map(|piece| Piece { ends_line: false, ..piece });
                let name = Name { written, pieces: pieces.collect() };
                members.push((Some(name), measure(value, tricks)));
            }
            (sum(&members), Parts::Members(members))
        }
    };
    Block { node, cost: cost + LINE_COST + TOKEN_COST, parts }
}

fn sum(members: &[(Option<Name<'_>>, Block<'_>)]) -> usize {
    members.iter().map(|(name, block)| block.cost + name_cost(name.as_ref())).sum::<usize>()
        + LINE_COST
}

fn name_cost(name: Option<&Name<'_>>) -> usize {
    name.map_or(0, |name| name.pieces.iter().map(cost_of).sum::<usize>() + 3 * TOKEN_COST)
}

/// How much room each of some parts gets at most, so that all together fit: parts
/// that need less have all they need.
fn share(costs: &[usize], room: usize) -> usize {
    let mut sorted = costs.to_vec();
    sorted.sort_unstable();
    let (mut left, mut count) = (room, sorted.len());
    for cost in sorted {
        if cost.saturating_mul(count) > left {
            return left / count.max(1);
        }
        left -= cost;
        count -= 1;
    }
    usize::MAX
}

/// Lines in the making.
struct Page<'t, 'n> {
    text: &'t str,
    tricks: &'n mut Tricks,
    lines: Vec<Line>,
}

impl Page<'_, '_> {
    fn open_line(&mut self, depth: u32, path: &str) {
        let path = if path.len() > LONGEST_PATH { String::new() } else { path.to_owned() };
        self.lines.push(Line { depth, path, ..Line::default() });
    }

    fn push(&mut self, token: Token) {
        if let Some(line) = self.lines.last_mut() {
            line.tokens.push(token);
        }
    }

    fn sign(&mut self, sign: &str) {
        self.push(Token::new(TokenKind::Punctuation, sign));
    }

    fn block(&mut self, block: &Block<'_>, room: usize, depth: u32, path: &str) {
        match &block.parts {
            Parts::Plain(token) => self.plain(token, block, room),
            Parts::Text(pieces, text) => {
                let pieces = match block.cost > room {
                    true => shortened(pieces.clone(), text, room, self.tricks),
                    false => pieces.clone(),
                };
                self.text(pieces, depth, path);
            }
            Parts::Members(members) => {
                let is_list = matches!(block.node.value, Value::List(_));
                let (open, close) = if is_list { ("[", "]") } else { ("{", "}") };
                self.sign(open);
                if block.cost > room && room < LEAST_ROOM_INSIDE {
                    let text = self.text.get(block.node.span.clone()).unwrap_or_default();
                    self.entries_left_out(members.len(), text);
                } else if !members.is_empty() {
                    let inside = room.saturating_sub(LEAST_ROOM);
                    let room = if block.cost > room { inside } else { usize::MAX };
                    self.members(members, room, depth + 1, path);
                    self.open_line(depth, path);
                }
                self.sign(close);
            }
        }
    }

    fn plain(&mut self, token: &Token, block: &Block<'_>, room: usize) {
        let Some((head, rest)) = token.text.split_at_checked(LEAST_ROOM) else {
            return self.push(token.clone());
        };
        if block.cost <= room {
            return self.push(token.clone());
        }
        // A number of thousands of digits.
        self.push(Token::new(token.kind, head));
        let gap = omitted(rest, LEAST_ROOM, self.tricks);
        self.push(gap.token);
    }

    fn text(&mut self, pieces: Vec<Piece>, depth: u32, path: &str) {
        self.sign("\"");
        for Piece { token, ends_line, .. } in pieces {
            self.push(token);
            if ends_line {
                self.open_line(depth + 1, path);
                if let Some(line) = self.lines.last_mut() {
                    line.is_continued = true;
                }
            }
        }
        self.sign("\"");
    }

    fn members(
        &mut self,
        members: &[(Option<Name<'_>>, Block<'_>)],
        room: usize,
        depth: u32,
        path: &str,
    ) {
        let costs: Vec<_> =
            members.iter().map(|(name, it)| it.cost + name_cost(name.as_ref())).collect();
        let each = if room == usize::MAX { room } else { share(&costs, room).max(LEAST_ROOM) };
        // Where not even the least of each fits, the first and the last are shown.
        let fitting = if room == usize::MAX { members.len() } else { fitting(&costs, each, room) };
        let (head, tail) = (fitting.div_ceil(2), members.len() - fitting / 2);
        for (place, (name, block)) in members.iter().enumerate() {
            if place == head && head < tail {
                self.gap(members.get(head..tail).unwrap_or_default(), depth, path);
            }
            if (head..tail).contains(&place) {
                continue;
            }
            let step =
                name.as_ref().map_or_else(|| place.to_string(), |name| pointer(name.written));
            let path =
                if path.len() > LONGEST_PATH { path.to_owned() } else { format!("{path}/{step}") };
            self.open_line(depth, &path);
            if let Some(name) = name {
                self.sign("\"");
                for piece in self.name(name, each) {
                    self.push(piece.token);
                }
                self.sign("\": ");
            }
            self.block(block, each, depth, &path);
            if place + 1 < members.len() {
                self.sign(",");
            }
        }
    }

    fn name(&mut self, name: &Name<'_>, room: usize) -> Vec<Piece> {
        match name.pieces.iter().map(cost_of).sum::<usize>() > room {
            true => shortened(name.pieces.clone(), name.written, room, self.tricks),
            false => name.pieces.clone(),
        }
    }

    /// Says which members are left out.
    fn gap(&mut self, members: &[(Option<Name<'_>>, Block<'_>)], depth: u32, path: &str) {
        let (Some((_, first)), Some((_, last))) = (members.first(), members.last()) else { return };
        let part = self.text.get(first.node.span.start..last.node.span.end).unwrap_or_default();
        self.open_line(depth, path);
        self.entries_left_out(members.len(), part);
    }

    fn entries_left_out(&mut self, count: usize, part: &str) {
        *self.tricks.entry(Trick::Omitted).or_default() += 1;
        let what = format!("{count} more entries, {} bytes", part.len());
        self.push(Token::omission(left_out(&what, part), None, count as u64));
    }
}

/// How many members fit if each takes what it needs, up to its share.
fn fitting(costs: &[usize], each: usize, room: usize) -> usize {
    let mut taken = 0_usize;
    let fits = |cost: &&usize| {
        taken = taken.saturating_add((**cost).min(each));
        taken <= room
    };
    costs.iter().take_while(fits).count()
}

/// A name as a step of a JSON pointer, in safe text.
fn pointer(name: &str) -> String {
    if name.len() > LONGEST_PATH {
        return format!("{OPEN}{} bytes{CLOSE}", name.len());
    }
    safe_line(&name.replace('~', "~0").replace('/', "~1"))
}
