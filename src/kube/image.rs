//! Parses image names by the grammar that container runtimes share, and prefixes of them.
//! See <https://github.com/distribution/reference>.

/// The registry of names without one.
const DOCKER_HUB: &str = "docker.io";
/// The older name of that registry.
const DOCKER_INDEX: &str = "index.docker.io";
/// The path on Docker Hub of images whose name is a single word.
const OFFICIAL: &str = "library";
/// The longest path that runtimes accept.
const LENGTH: usize = 255;

/// The repository of an image as written: without tag and digest.
#[must_use]
pub(crate) fn repository(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    match name.rfind(':') {
        // A colon before the last slash is the registry's port.
        Some(colon) if !name[colon..].contains('/') => &name[..colon],
        _ => name,
    }
}

/// Whether an image names its registry.
#[must_use]
pub(crate) fn has_registry(image: &str) -> bool {
    image.split_once('/').is_some_and(|(first, _)| is_domain(first))
}

/// The name of an image, in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ImageName<'t> {
    /// Host and port of the registry.
    domain: &'t str,
    path: &'t str,
    pub(crate) digest: Option<&'t str>,
}

impl<'t> ImageName<'t> {
    /// Parses a name. A single word is an official image of Docker Hub.
    ///
    /// # Errors
    /// Which part is wrong.
    pub(crate) fn read(text: &'t str) -> Result<Self, &'static str> {
        if text.len() == 64 && is_hex(text) {
            return Err("it is an identifier of 64 hexadecimal digits, and no name");
        }
        let (name, digest) = text.split_once('@').map_or((text, None), |(a, b)| (a, Some(b)));
        let (domain, rest) = split(name);
        let (path, tag) = rest.split_once(':').map_or((rest, None), |(a, b)| (a, Some(b)));
        check_domain(domain)?;
        check_path(path)?;
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err("its tag is malformed (letters, digits, `_`, `.` and `-`, at most 128)");
        }
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(
                "its digest is malformed (sha256: and 64, or sha512: and 128 hexadecimal digits)",
            );
        }
        Ok(Self { domain, path, digest })
    }

    /// All prefixes that it is below. `ghcr.io/shop/x` is below `ghcr.io/shop` and `ghcr.io`, but neither below
    /// `ghcr.io/sh` nor `ghcr.io:8443`. An official image of Docker Hub is below its word, with `library/` or
    /// without.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = Prefix<'t>> {
        let (domain, path) = (self.domain, self.path);
        let word =
            path.strip_prefix(OFFICIAL).and_then(|rest| rest.strip_prefix('/')).unwrap_or(path);
        let official = domain == DOCKER_HUB && !word.contains('/');
        let parents = path.match_indices('/').map(move |(slash, _)| &path[..slash]);
        let others = official.then_some([OFFICIAL, word]).into_iter().flatten();
        let all = ["", path].into_iter().chain(parents).chain(others);
        let all = all.map(move |path| Prefix { domain, path, official: false });
        all.chain(official.then_some(Prefix { domain, path: word, official }))
    }
}

/// A registry, or a path in it, that images may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefix<'t> {
    /// Host and port of the registry.
    pub(crate) domain: &'t str,
    /// Empty: the whole registry.
    pub(crate) path: &'t str,
    /// Whether the path is the name of an official image.
    pub(crate) official: bool,
}

impl<'t> Prefix<'t> {
    /// Parses a host such as `ghcr.io`, a path on it, or a path on Docker Hub if there is no host. A slash at the end
    /// makes no difference.
    pub(crate) fn read(text: &'t str) -> Option<Self> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let whole = is_domain(text) && !text.contains('/');
        let (domain, path) = if whole { (canonical(text), "") } else { split(text) };
        let fits = check_domain(domain).is_ok() && (whole || check_path(path).is_ok());
        let word = path.strip_prefix("library/").filter(|word| !word.contains('/'));
        let word = word.filter(|_| domain == DOCKER_HUB);
        fits.then_some(Self { domain, path: word.unwrap_or(path), official: word.is_some() })
    }
}

/// Splits a name into its domain and the rest. The first part is a host only if it cannot be anything else.
fn split(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((first, rest)) if is_domain(first) => (canonical(first), rest),
        _ => (DOCKER_HUB, name),
    }
}

fn canonical(domain: &str) -> &str {
    if domain == DOCKER_INDEX { DOCKER_HUB } else { domain }
}

/// Whether the first part of a name is a host, and not a path on Docker Hub.
fn is_domain(part: &str) -> bool {
    let marks = |byte: u8| matches!(byte, b'.' | b':') || byte.is_ascii_uppercase();
    part == "localhost" || part.bytes().any(marks)
}

fn check_domain(domain: &str) -> Result<(), &'static str> {
    let bracket = domain.rfind(']').unwrap_or(0);
    let (host, port) = match domain[bracket..].find(':') {
        Some(colon) => (&domain[..bracket + colon], Some(&domain[bracket + colon + 1..])),
        None => (domain, None),
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let fits = match address {
        Some(address) => {
            !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
        }
        None => is_host(host.as_bytes()),
    };
    match fits && port.is_none_or(is_port) {
        true => Ok(()),
        false => Err("its registry is malformed (a host, and a port where it has one)"),
    }
}

/// Whether a host consists of letters and digits, with `.` or any number of `-` between them, but no `-` next to a
/// `.`.
fn is_host(host: &[u8]) -> bool {
    let mut before = b'.';
    let all_fit = host.iter().all(|&byte| {
        let fits = match byte {
            b'.' => before != b'.' && before != b'-',
            b'-' => before != b'.',
            _ => byte.is_ascii_alphanumeric(),
        };
        before = byte;
        fits
    });
    all_fit && !matches!(before, b'.' | b'-')
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("its repository has capital letters");
    }
    if path.len() > LENGTH {
        return Err("its repository is longer than 255 characters");
    }
    match path.as_bytes().split(|byte| *byte == b'/').all(is_component) {
        true => Ok(()),
        false => Err(
            "its repository is malformed (lower-case letters and digits, with `.`, `_`, `-` and `/` between)",
        ),
    }
}

/// Whether a part of a path consists of letters and digits, with a `.`, one or two `_`, or any number of `-` between
/// them.
fn is_component(part: &[u8]) -> bool {
    let separates = |between: &[u8]| {
        matches!(between, b"." | b"_" | b"__") || between.iter().all(|byte| *byte == b'-')
    };
    // The end of the last run of letters and digits.
    let mut from = 0;
    for (at, byte) in part.iter().enumerate() {
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() {
            if at > from && (from == 0 || !separates(&part[from..at])) {
                return false;
            }
            from = at + 1;
        }
    }
    from > 0 && from == part.len()
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let fits = |byte: u8| is_word(byte) || matches!(byte, b'.' | b'-');
    tag.len() <= 128 && tag.bytes().next().is_some_and(is_word) && tag.bytes().all(fits)
}

fn is_digest(digest: &str) -> bool {
    let of = |algorithm: &str, length: usize| {
        let hex = digest.strip_prefix(algorithm).and_then(|rest| rest.strip_prefix(':'));
        hex.is_some_and(|hex| hex.len() == length && is_hex(hex))
    };
    of("sha256", 64) || of("sha384", 96) || of("sha512", 128)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    #[test]
    fn tags_and_digests_are_not_part_of_a_repository() {
        assert_eq!(repository("ghcr.io/shop/cart:v1@sha256:00"), "ghcr.io/shop/cart");
        assert_eq!(repository("localhost:5000/cart"), "localhost:5000/cart");
        assert_eq!(repository("cart"), "cart");
    }

    #[test]
    fn images_are_names() {
        let long = "a/".repeat(127) + "b";
        let digest = |algorithm: &str, length| format!("x@{algorithm}:{}", "a".repeat(length));
        for good in [
            "cart",
            "cart:v1",
            "a/b",
            "a--b.c__d:V1.2_x-3",
            "localhost:5000/x",
            "localhost/x",
            "LOCAL/x",
            "ghcr.io:443/shop/cart:v1.2_3",
            "[::1]:5000/x",
            "10.0.0.1/x",
            &long,
            &digest("sha256", 64),
            &digest("sha384", 96),
            &digest("sha512", 128),
            &format!("x:{}", "t".repeat(128)),
        ] {
            assert_eq!(ImageName::read(good).err(), None, "{good}");
        }
        for bad in [
            "",
            "a b",
            "${X}",
            "a//b",
            "a:",
            "a@sha256:12",
            "/a",
            "a/",
            "-x",
            "x-",
            "a/../b",
            "a..b",
            "a___b",
            "X",
            "ghcr.io/X",
            "a:b:c",
            "a:b/c",
            "a:.b",
            "a.b/c:d/e",
            "gh_cr.io/x",
            "ghcr.io:/x",
            "ghcr.io:a/x",
            "[x]:1/y",
            "ä",
            "a@",
            &digest("sha512", 64),
            &digest("md5", 32),
            &digest("SHA256", 64),
            &format!("x@sha256:{}", "A".repeat(64)),
            &"a".repeat(64),
            &format!("x:{}", "t".repeat(129)),
            &format!("{long}cc"),
            "a.b/c\n",
        ] {
            assert!(ImageName::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn prefixes_end_at_a_whole_part_of_the_name() {
        for (prefix, image) in [
            ("ghcr.io", "ghcr.io/any/x:1"),
            ("ghcr.io/shop", "ghcr.io/shop/x:1"),
            ("ghcr.io/shop/", "ghcr.io/shop/x"),
            ("ghcr.io/shop/x", "ghcr.io/shop/x:1"),
            ("ghcr.io:8443", "ghcr.io:8443/x"),
            ("localhost", "localhost/x"),
            ("shop", "shop/x:1"),
            ("shop", "docker.io/shop/x"),
            ("docker.io/shop", "shop/x"),
            ("index.docker.io/shop", "shop/x"),
            ("docker.io", "x"),
            ("docker.io", "shop/x"),
            ("library", "x"),
            ("library/x", "x"),
            ("x", "x:1"),
            ("docker.io/x", "library/x"),
            ("docker.io/library/x", "x"),
        ] {
            assert!(admits(prefix, image), "{prefix} refuses {image}");
        }
        for (prefix, image) in [
            ("ghcr.io", "ghcr.io:8443/any/x"),
            ("ghcr.io", "ghcr.io.example.net/x"),
            ("ghcr.io:8443", "ghcr.io/x"),
            ("ghcr.io", "evil/ghcr.io/x"),
            ("ghcr.io/shop", "ghcr.io/shopping/x"),
            ("ghcr.io/shop", "ghcr.io/x/shop"),
            ("shop", "shop:5000/any/x"),
            ("shop", "shop.io/x"),
            ("shop", "ghcr.io/shop/x"),
            ("shop", "other/shop"),
            ("library", "shop/x"),
            ("library/x", "x/y"),
            ("docker.io/library/x", "x/y"),
            ("x", "y"),
            ("localhost", "localhost:5000/x"),
            ("ghcr.io", "GHCR.io/x"),
        ] {
            assert!(!admits(prefix, image), "{prefix} admits {image}");
        }
        for none in [
            "",
            "/",
            "https://ghcr.io",
            "ghcr.io/shop/*",
            "ghcr.io//x",
            "ghcr.io//",
            "ghcr.io/x:1",
            "*",
            "ghcr.io/Shop",
        ] {
            assert!(Prefix::read(none).is_none(), "{none}");
        }
    }

    fn admits(prefix: &str, image: &str) -> bool {
        let image = ImageName::read(image).expect("an image");
        let prefix = Prefix::read(prefix).expect("a prefix");
        image.prefixes().any(|one| one == prefix)
    }

    /// The grammar as its authors write it, with the domain that a runtime fills in.
    fn by_the_grammar(text: &str) -> bool {
        let label = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
        let domain = format!(r"(?:{label}(?:\.{label})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?");
        let part = "[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*";
        let digest = "(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})";
        let all = format!(
            r"^{domain}/({part}(?:/{part})*)(?::[0-9A-Za-z_][0-9A-Za-z_.-]{{0,127}})?(?:@{digest})?$"
        );
        let first = text.split_once('/').map(|(first, _)| first);
        let has_domain = first.is_some_and(|first| {
            first == "localhost" || first.contains(['.', ':']) || first.to_lowercase() != first
        });
        let full = if has_domain { text.to_owned() } else { format!("docker.io/{text}") };
        let parts = Regex::new(&all).expect("a pattern").captures(&full);
        parts.is_some_and(|parts| parts[1].len() <= LENGTH)
            && !Regex::new("^[a-f0-9]{64}$").expect("a pattern").is_match(text)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

        #[test]
        fn what_is_a_name_follows_from_the_grammar(
            text in r"(localhost|[a-bA]{1,2}|[a-b]\.[a-b]|\[::1\])?(:[0-9a]{0,2})?/?[a-bA._/-]{0,5}(:[a-bA0._/-]{0,3})?(@sha(256:[0a]{64}|512:[0a]{127,129}))?"
        ) {
            prop_assert_eq!(ImageName::read(&text).is_ok(), by_the_grammar(&text), "{}", text);
        }
    }
}
