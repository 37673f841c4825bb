//! Texts as clauses of words.

/// The fewest words of a quotation that is left out.
const QUOTED_WORDS: usize = 2;
/// Stands behind a sum of money that only a sign shows as one.
const MONEY: &str = "money";
/// Words whose full stop ends no sentence.
const TITLES: [&str; 14] =
    ["mr", "mrs", "ms", "mx", "dr", "prof", "st", "no", "nr", "vs", "approx", "jr", "sr", "fr"];
const CURRENCY_SIGNS: [char; 6] = ['$', '€', '£', '¥', '₹', '₣'];

/// The clauses of a text, each in small letters, word by word.
pub(super) fn clauses(text: &str) -> Vec<Vec<String>> {
    let mut clauses = vec![Vec::new()];
    for chunk in text.split_whitespace() {
        let word = chunk.trim_matches(|sign: char| !sign.is_alphanumeric());
        if let Some(clause) = clauses.last_mut().filter(|_| !word.is_empty()) {
            clause.push(word.to_lowercase().replace('’', "'"));
            if chunk.contains(CURRENCY_SIGNS) && is_number(word) {
                clause.push(MONEY.to_owned());
            }
        }
        let ends = chunk.ends_with(['.', ',', ';', ':', '!', '?', ')', '–', '—']);
        if ends && !(chunk.ends_with('.') && TITLES.contains(&word.to_lowercase().as_str())) {
            clauses.push(Vec::new());
        }
    }
    clauses
}

/// Whether a word is made of digits, with signs that group them.
pub(super) fn is_number(word: &str) -> bool {
    let is_sign = |sign: char| sign.is_ascii_digit() || ".,'’-".contains(sign);
    word.starts_with(|sign: char| sign.is_ascii_digit()) && word.chars().all(is_sign)
}

/// Whether a word is a bank account's number, or starts one that is written in groups.
pub(super) fn starts_account(word: &str, next: Option<&String>) -> bool {
    let bytes = word.as_bytes();
    let is_start = bytes.len() >= 4
        && bytes.iter().take(2).all(u8::is_ascii_lowercase)
        && bytes.iter().skip(2).take(2).all(u8::is_ascii_digit)
        && bytes.iter().all(u8::is_ascii_alphanumeric);
    is_start && (bytes.len() >= 15 || (bytes.len() == 4 && next.is_some_and(|it| it.len() == 4)))
}

/// The text without what stands between quotes: words to be passed on ask nobody
/// for anything.
pub(super) fn without_quotations(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, open)) = next_quote(rest) {
        let (before, quoted) = rest.split_at(at);
        plain.push_str(before);
        let inner = quoted.get(open.len_utf8()..).unwrap_or("");
        let Some(end) = closing(inner, open) else {
            plain.push(' ');
            rest = inner;
            continue;
        };
        let (quotation, after) = inner.split_at(end);
        if quotation.split_whitespace().count() < QUOTED_WORDS {
            plain.push_str(quotation);
        } else {
            plain.push_str(" , ");
        }
        rest = after.chars().next().and_then(|sign| after.get(sign.len_utf8()..)).unwrap_or("");
    }
    plain.push_str(rest);
    plain
}

/// The next sign that opens a quotation: at the start of a word.
fn next_quote(text: &str) -> Option<(usize, char)> {
    let mut before = ' ';
    for (at, sign) in text.char_indices() {
        let is_start = before.is_whitespace() || matches!(before, '(' | ':');
        if matches!(sign, '"' | '“' | '‘' | '\'') && is_start {
            return Some((at, sign));
        }
        before = sign;
    }
    None
}

/// Where the quotation ends: at the end of a word.
fn closing(text: &str, open: char) -> Option<usize> {
    let close = match open {
        '“' => '”',
        '‘' => '’',
        other => other,
    };
    let mut places = text.match_indices(close).map(|(at, _)| at);
    places.find(|at| {
        let after = text.get(at + close.len_utf8()..).and_then(|after| after.chars().next());
        after.is_none_or(|after| !after.is_alphanumeric())
    })
}
