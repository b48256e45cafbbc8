//! The globs of a map, compiled to regular expressions.
//!
//! `*` and `?` stay within a segment, `**` as a segment goes over any number of them, `[...]` is one character,
//! `{a,b}` stands for two globs, `\` takes the next character literally. A glob matches a whole path.
//!
//! The crate `globset` does not fit: it compares bytes, so that `?` and `[ä]` miss letters beyond ASCII, and its
//! `[!a]` takes a `/`.

use regex::{Regex, RegexBuilder};

use crate::diagnostic::Problem;

/// One glob, without the `!` in front.
#[derive(Debug)]
pub(crate) struct Glob {
    regex: Regex,
    /// The common prefix of all paths that it covers. Most paths are rejected by it alone.
    prefix: String,
}

impl Glob {
    /// How many globs one glob may expand to with its braces.
    const ALTERNATIVES: usize = 1_000;
    /// How deep braces may be in each other.
    const DEPTH: usize = 100;
    /// Size limit for the automaton of one glob, in bytes: room for some hundred wildcards. It is also the most
    /// characters and wildcards of all its alternatives together.
    const SIZE: usize = 256 << 10;

    /// Reads a glob.
    ///
    /// # Errors
    /// What is wrong with it, and the remedy.
    pub(crate) fn new(text: &str) -> Result<Self, Problem> {
        if text.is_empty() {
            return Err(Problem::new("it is empty", "write a path or a glob such as `cart/**`"));
        }
        let tokens = tokens(text)?;
        let (globs, signs) = expanded_size(&tokens);
        let most = Self::ALTERNATIVES;
        if globs > most {
            let what = format!("its braces stand for more than {most} globs");
            return Err(Problem::new(what, "write several globs"));
        }
        if signs > Self::SIZE {
            return Err(too_large());
        }
        let alternatives = expand(&tokens);
        let patterns: Result<Vec<String>, _> =
            alternatives.iter().map(|one| pattern(one)).collect();
        let pattern = format!("(?s)^(?:{})$", patterns?.join("|"));
        let regex = RegexBuilder::new(&pattern).size_limit(Self::SIZE).build();
        let regex = regex.map_err(|_| too_large())?;
        let prefix = common_prefix(&alternatives).trim_end_matches('/').to_owned();
        Ok(Self { regex, prefix })
    }

    /// Whether it covers a path.
    pub(crate) fn covers(&self, path: &str) -> bool {
        path.starts_with(&self.prefix) && self.regex.is_match(path)
    }
}

/// A path as a glob that covers it and nothing else.
pub(crate) fn literal(path: &str) -> String {
    let mut glob = String::new();
    for (at, c) in path.char_indices() {
        if "*?[{}\\".contains(c) || c == '!' && at == 0 {
            glob.push('\\');
        }
        glob.push(c);
    }
    glob
}

/// A part of a glob.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Char(char),
    Separator,
    /// `?`
    One,
    /// `*`
    Some,
    /// `[...]`, as a class of a regular expression.
    Class(String),
    /// `{...}`
    Braces(Vec<Vec<Token>>),
}

fn tokens(text: &str) -> Result<Vec<Token>, Problem> {
    // The innermost of the open braces is last; below them is the glob itself.
    let mut open: Vec<Vec<Vec<Token>>> = vec![vec![Vec::new()]];
    let mut chars = text.chars();
    let unclosed = |what: &str, sign: char| {
        let help = format!("close it, or write `\\{sign}` for the character itself");
        Problem::new(format!("{what} stays open"), help)
    };
    while let Some(c) = chars.next() {
        let depth = open.len();
        let token = match c {
            '/' => Token::Separator,
            '?' => Token::One,
            '*' => Token::Some,
            '[' => Token::Class(class(&mut chars)?.ok_or_else(|| unclosed("a bracket", '['))?),
            '\\' => match chars.next() {
                Some('/') | None => {
                    let help = "`\\` takes the next character as it is; write `/` between segments";
                    return Err(Problem::new("a `\\` has no character behind it", help));
                }
                Some(c) => Token::Char(c),
            },
            '{' if depth > Glob::DEPTH => {
                let what = format!("its braces are more than {} deep", Glob::DEPTH);
                return Err(Problem::new(what, "write several globs"));
            }
            '{' => {
                open.push(vec![Vec::new()]);
                continue;
            }
            ',' if depth > 1 => {
                open[depth - 1].push(Vec::new());
                continue;
            }
            '}' if depth > 1 => Token::Braces(open.pop().unwrap_or_default()),
            '}' => {
                let help = "open it, or write `\\}` for the character itself";
                return Err(Problem::new("a brace is closed that is not open", help));
            }
            c => Token::Char(c),
        };
        if let Some(last) = open.last_mut().and_then(|alternatives| alternatives.last_mut()) {
            last.push(token);
        }
    }
    if open.len() > 1 {
        return Err(unclosed("a brace", '{'));
    }
    Ok(open.pop().and_then(|mut glob| glob.pop()).unwrap_or_default())
}

/// Parses the text behind a `[` to a class of a regular expression; `None` if no `]` closes it.
fn class(chars: &mut std::str::Chars<'_>) -> Result<Option<String>, Problem> {
    let mut members: Vec<char> = Vec::new();
    let mut is_escaped = Vec::new();
    loop {
        let (c, escaped) = match chars.next() {
            Some('\\') => (chars.next(), true),
            other => (other, false),
        };
        let Some(c) = c else { return Ok(None) };
        let is_negation = matches!(members.as_slice(), ['!' | '^']) && is_escaped == [false];
        let first = members.is_empty() || is_negation;
        if c == ']' && !escaped && !first {
            break;
        }
        members.push(c);
        is_escaped.push(escaped);
    }
    let negated = matches!(members[0], '!' | '^') && !is_escaped[0];
    let mut text = String::from(if negated { "[[^" } else { "[[" });
    let mut at = usize::from(negated);
    while at < members.len() {
        let from = members[at];
        let is_range = members.get(at + 1) == Some(&'-') && !is_escaped[at + 1];
        let until = members.get(at + 2).filter(|_| is_range).copied();
        if let Some(until) = until.filter(|until| *until < from) {
            let what = format!("the range `{from}-{until}` is empty");
            return Err(Problem::new(what, format!("write `{until}-{from}`")));
        }
        text.push_str(&escaped(from));
        if let Some(until) = until {
            text.push('-');
            text.push_str(&escaped(until));
        }
        at += if until.is_some() { 3 } else { 1 };
    }
    text.push_str("]&&[^/]]");
    Ok(Some(text))
}

/// Escapes a character for a regular expression, in a class too.
fn escaped(c: char) -> String {
    format!("\\u{{{:X}}}", u32::from(c))
}

fn too_large() -> Problem {
    Problem::new("it has too many signs", "write several globs")
}

/// To how many globs tokens expand, and how many tokens these have together.
fn expanded_size(tokens: &[Token]) -> (usize, usize) {
    let (mut globs, mut signs) = (1_usize, 0_usize);
    for token in tokens {
        let (mut ends, mut more) = (1_usize, 1_usize);
        if let Token::Braces(alternatives) = token {
            let sizes: Vec<(usize, usize)> =
                alternatives.iter().map(|one| expanded_size(one)).collect();
            ends = sizes.iter().fold(0, |all, (globs, _)| all.saturating_add(*globs));
            more = sizes.iter().fold(0, |all, (_, signs)| all.saturating_add(*signs));
        }
        signs = signs.saturating_mul(ends).saturating_add(more.saturating_mul(globs));
        globs = globs.saturating_mul(ends);
    }
    (globs, signs)
}

/// Expands braces to globs without braces.
fn expand(tokens: &[Token]) -> Vec<Vec<Token>> {
    let mut globs = vec![Vec::new()];
    for token in tokens {
        let ends: Vec<Vec<Token>> = match token {
            Token::Braces(alternatives) => {
                alternatives.iter().flat_map(|one| expand(one)).collect()
            }
            token => vec![vec![token.clone()]],
        };
        if let [end] = &*ends {
            globs.iter_mut().for_each(|glob| glob.extend_from_slice(end));
        } else {
            let with = |glob: &Vec<Token>| ends.iter().map(|end| [&**glob, end].concat()).collect();
            globs = globs.iter().flat_map(|glob| -> Vec<Vec<Token>> { with(glob) }).collect();
        }
    }
    globs
}

fn pattern(tokens: &[Token]) -> Result<String, Problem> {
    let mut text = String::new();
    let segments: Vec<&[Token]> = tokens.split(|token| *token == Token::Separator).collect();
    let is_any = |segment: &[Token]| *segment == [Token::Some, Token::Some];
    // `folder/**` covers `folder` itself too, which can be a submodule or a link.
    let ends_below = matches!(&*segments, [.., folder, last] if is_any(last) && !is_any(folder));
    for (index, segment) in segments.iter().enumerate() {
        let is_last = index + 1 == segments.len();
        if is_any(segment) {
            text.push_str(match (is_last, ends_below) {
                (true, true) => "(?:/.+)?",
                (true, false) => ".+",
                (false, _) => "(?:[^/]+/)*",
            });
            continue;
        }
        if segment.windows(2).any(|two| *two == [Token::Some, Token::Some]) {
            let help = "write `**/*` to go over segments, or `*` to stay in one";
            return Err(Problem::new("`**` is only a part of a segment", help));
        }
        for token in *segment {
            match token {
                Token::Char(c) => text.push_str(&escaped(*c)),
                Token::One => text.push_str("[^/]"),
                Token::Some => text.push_str("[^/]*"),
                Token::Class(class) => text.push_str(class),
                Token::Separator | Token::Braces(_) => {}
            }
        }
        let is_folder = ends_below && index + 2 == segments.len();
        if !is_last && !is_folder {
            text.push('/');
        }
    }
    Ok(text)
}

/// The characters that all globs begin with, up to the first wildcard.
fn common_prefix(alternatives: &[Vec<Token>]) -> String {
    let literal = |tokens: &Vec<Token>| -> String {
        let character = |token: &Token| match token {
            Token::Char(c) => Some(*c),
            Token::Separator => Some('/'),
            _ => None,
        };
        tokens.iter().map_while(character).collect()
    };
    let mut texts = alternatives.iter().map(literal);
    let first = texts.next().unwrap_or_default();
    texts.fold(first, |common, text| {
        let same = common.chars().zip(text.chars()).take_while(|(a, b)| a == b);
        same.map(|(a, _)| a).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_covers_whole_paths_by_the_stated_signs() {
        for (glob, covered, others) in [
            ("cart/**", "cart cart/a cart/.env cart/b/c/.d", "cart-v2/a old/cart/a Cart/a"),
            ("**", "a .a a/b/.c", ""),
            ("*", "a .a", "a/b"),
            ("**/go.mod", "go.mod a/go.mod a/b/go.mod", "a/xgo.mod go.mod/a"),
            ("a/**/b", "a/b a/x/b a/x/y/b", "a/xb ab a/b/c"),
            ("x?.txt", "x1.txt xä.txt x日.txt", "x.txt x/.txt x12.txt"),
            ("x[0-9a].txt", "x1.txt xa.txt", "xb.txt x-.txt x/.txt"),
            ("x[!1].txt", "x2.txt xä.txt", "x1.txt x/.txt"),
            ("x[äö]", "xä xö", "xü xÃ"),
            ("[]a]", "] a", "b"),
            ("[a-]", "a -", "b"),
            ("[[]id[]].tsx", "[id].tsx", "i.tsx"),
            ("\\[id\\]/\\*", "[id]/*", "i/x"),
            ("{a,b}/q", "a/q b/q", "c/q a,b/q"),
            ("{a,b/{c,d}}/x", "a/x b/c/x b/d/x", "b/x c/x"),
            ("{cart,mail/**}", "cart mail mail/a/b", "mails cart/a"),
            ("a{,.bak}", "a a.bak", "a."),
            ("*.{md,txt}", "a.md .txt", "x/a.md a.go"),
            ("a,b", "a,b", "a"),
            ("web/line\nbreak/**", "web/line\nbreak/x\ny", "web/line"),
            ("a/**/**", "a/b a/b/c", "a"),
            ("a/*/**", "a/b a/b/c", "a"),
            (".+()|^$", ".+()|^$", "a"),
        ] {
            let read = Glob::new(glob).expect(glob);
            let split = |text: &'static str| text.split(' ').filter(|path| !path.is_empty());
            for path in split(covered) {
                assert!(read.covers(path), "{glob} covers {path}");
            }
            for path in split(others) {
                assert!(!read.covers(path), "{glob} does not cover {path}");
            }
        }
    }

    #[test]
    fn a_glob_that_nobody_can_read_is_refused() {
        for (glob, word) in [
            ("", "empty"),
            ("a[b", "bracket stays open"),
            ("a[", "bracket stays open"),
            ("[]", "bracket stays open"),
            ("[!]", "bracket stays open"),
            ("a{b,c", "brace stays open"),
            ("a}b", "not open"),
            ("a\\", "no character"),
            ("a\\/b", "no character"),
            ("[z-a]", "`z-a`"),
            ("src/**.go", "`**`"),
            ("a***", "`**`"),
            (&"?".repeat(10_000), "too many signs"),
            (&"{a}".repeat(100_000), "too many signs"),
            (&format!("{{{}}}{}", ["a"; 900].join(","), "b".repeat(1_000)), "too many signs"),
            (&("{".repeat(100_000) + &"}".repeat(100_000)), "more than 100 deep"),
            ("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", "more than 1000"),
        ] {
            let problem = Glob::new(glob).expect_err(glob);
            assert!(problem.message.contains(word), "{glob}: {problem:?}");
            assert!(!problem.help.is_empty(), "{glob}: {problem:?}");
        }
    }

    #[test]
    fn a_path_as_a_glob_covers_itself() {
        for path in ["web/[id].tsx", "!a", "a!", "{a,b}", "a*b?", "back\\slash", "ä b\n", "a,b"] {
            let glob = Glob::new(&literal(path)).expect("it can be read");
            assert!(glob.covers(path) && !glob.covers("web/i.tsx"), "{path}");
        }
    }
}
