//! Strings that some reader or writer of YAML has taken for something else.

/// What a reader may take for a boolean, null, a number, a date, a merge key.
const WORDS: &str = "\
y Y n N yes Yes YES no No NO on On ON off Off OFF true True TRUE false False FALSE t f T F tRue yEs \
null Null NULL nUll ~ nil None 0 1 -1 +1 -0 00 012 -012 0777 08 09 0888 0o7 0o14 0O7 0o8 0x1F 0X1f \
0x_ 0x1f_f 0x 0xg -0x1F 0b11 0B1 0b2 -0b11 1_000 1_ 1__0 0_ _1 1,000 0.0 -0.0 1. .5 +.5 -.5 1.e1 \
1.5 1.50 1e3 1E3 1e+3 1e-3 12e03 1e 1e+ .e1 . .. + - -- ++1 +-1 .inf -.inf +.inf .Inf .INF .iNf \
.nan .NaN .NAN inf Infinity nan NaN 685.230_15e+03 1e400 -1e400 9223372036854775807 \
9223372036854775808 -9223372036854775808 18446744073709551615 18446744073709551616 \
123456789012345678901234567890 0.1234567890123456789 1d2 4e5a 90d51dc 946609e5 100Mi 250m 5m0s 1k \
12:30:45 1:30 190:20:30.15 1:2 -1:30 +12:30 59:59 1:60 2001-01-01 2001-1-1 2001-13-45 20010101 \
2001-01-01T00:00:00Z 2001-12-14t21:59:43.10-05:00 2001-01 1.2.3 v1 10.0.0.1 ::1 = << \
- ? : , [ ] { } # & * ! | > ' \" % @ ` \\ -a ?a :a a: a:b a# #a a#b ,a a, [a] {a} {a:b} &a *a !a \
!!str !!int |- >- |2 %a @a `a` 'a' \"a\" '' \"\" \\n \\u0041 a\\b a'b a\"b --- ---a ... ...a --a \
{{x}} ${x} $(x) $x <a> a=b =a a&b a*b a|b a>b a!b a%b a@b a~b ~a a^b http://a:80/b#c \
ghcr.io/a/b:c@sha256:d /a _a (a) ;a é ß 日本 🎉 \u{a0} \u{200b} \u{e000} \u{fffd}";

/// What blanks, line breaks and control characters are in.
const TEXTS: [&str; 66] = [
    "",
    " ",
    "  ",
    " a",
    "a ",
    "a b",
    "a  b",
    "\t",
    "\ta",
    "a\t",
    "a\tb",
    "\n",
    "\n\n",
    "a\n",
    "a\n\n",
    "a\n\n\n",
    "\na",
    "\n\na",
    "a\nb",
    "a\nb\n",
    "a\n b",
    "a\n  b\nc",
    " a\nb",
    "  a\n b",
    "a \nb",
    "a\nb ",
    "a\n\nb",
    "a\n \nb",
    "a\n\t\nb",
    "\ta\nb",
    "a\n\tb",
    "a\r\nb",
    "a\rb",
    "\r",
    "a\n---\nb",
    "a\n...\nb",
    "---\na",
    "# a\nb",
    "a\n# b",
    "a #b",
    "a # b",
    "a: b",
    "a : b",
    "a: b\nc: d",
    "- a",
    "- a\n- b",
    "? a",
    "? a\n: b",
    ": a",
    "a:",
    "a: ",
    "a,b",
    "a, b",
    "[a, b]",
    "{a: b}",
    "*a b",
    "&a b",
    "!a b",
    "!!str a",
    "--- a",
    "... a",
    "2001-12-15 2:59:43.10",
    "\u{feff}",
    "\u{feff}a",
    "\u{2028}",
    "a\u{2029}b",
];

/// Characters that readers refuse or change where they stand unescaped.
const CONTROLS: [char; 18] = [
    '\0', '\u{1}', '\u{7}', '\u{8}', '\u{b}', '\u{c}', '\u{e}', '\u{1b}', '\u{1f}', '\u{7f}',
    '\u{80}', '\u{84}', '\u{85}', '\u{86}', '\u{9f}', '\u{fdd0}', '\u{fffe}', '\u{ffff}',
];

/// All of them, without repetition.
pub(crate) fn strings() -> Vec<String> {
    let mut strings: Vec<String> = WORDS.split(' ').map(str::to_owned).collect();
    strings.extend(TEXTS.map(str::to_owned));
    for control in CONTROLS {
        strings.extend([control.to_string(), format!("a{control}b")]);
    }
    strings.extend(["x".repeat(600), "word ".repeat(300), format!("{}\nb", "x".repeat(2000))]);
    strings.sort();
    strings.dedup();
    strings
}

/// What kustomize changes or cannot read again, whatever the input: it writes DEL, NEL and the other
/// characters of C1, U+FFFE and U+FFFF as they are, which YAML does not allow, or folds them.
pub(crate) fn is_broken_by_kustomize(text: &str) -> bool {
    text.contains(['\u{7f}', '\u{fffe}', '\u{ffff}'])
        || text.chars().any(|c| ('\u{80}'..='\u{9f}').contains(&c))
}
