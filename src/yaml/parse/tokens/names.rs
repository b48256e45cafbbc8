//! Anchors, aliases and tags.

use super::{Mistake, Read, Tag, Tokens};

/// The prefix of the types of YAML itself, if a tag is written out.
const CORE: &str = "tag:yaml.org,2002:";

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

impl<'t> Tokens<'t> {
    /// Reads the bytes for which `is` holds.
    fn run(&mut self, is: impl Fn(u8) -> bool) -> &'t str {
        let from = self.cursor.position.at;
        while self.cursor.first().is_some_and(&is) {
            self.cursor.skip();
        }
        &self.cursor.text[from..self.cursor.position.at]
    }

    /// The name of an anchor or alias.
    pub(in super::super) fn name(&mut self) -> Read<&'t str> {
        self.fresh = false;
        let start = self.at();
        self.cursor.skip();
        let name = self.run(is_word);
        let ends = self.cursor.is_blank_or_end(0)
            || self.cursor.first().is_some_and(|byte| b"?:,]}%@`".contains(&byte));
        if name.is_empty() || !ends {
            let problem = "the name of an anchor or alias has letters, digits, `-` and `_`";
            return Err(Mistake::new(start, problem)
                .help("quote the value if it is text that begins with `&` or `*`"));
        }
        Ok(name)
    }

    pub(in super::super) fn tag(&mut self) -> Read<Tag<'t>> {
        self.fresh = false;
        let start = self.at();
        self.cursor.skip();
        let in_tag = |byte: u8| is_word(byte) || b";/?:@&=+$,.!~*'()[]%".contains(&byte);
        let tag = if self.cursor.first() == Some(b'<') {
            self.cursor.skip();
            let name = self.run(in_tag);
            if name.is_empty() || self.cursor.first() != Some(b'>') {
                return Err(Mistake::new(start, "a tag that begins with `!<` ends with `>`"));
            }
            self.cursor.skip();
            name.strip_prefix(CORE).map_or(Tag::Own(name), Tag::Core)
        } else {
            let name = self.run(in_tag);
            match name.strip_prefix('!') {
                _ if name.is_empty() => Tag::Bare,
                Some(core) if !core.is_empty() => Tag::Core(core),
                Some(_) => return Err(Mistake::new(start, "the tag `!!` has no name")),
                None => Tag::Own(name),
            }
        };
        if !self.cursor.is_blank_or_end(0) {
            return Err(Mistake::new(start, "a tag ends with a blank or a line break")
                .help("quote the value if it is text that begins with `!`"));
        }
        Ok(tag)
    }
}
