//! The top level of a file: its keys are known, and the necessary ones are there.

use crate::check::first_place;
use crate::read::Reader;
use yaml::suggest;
use yaml::{Tree, Value, shorten};

/// What stands at the top of one kind of file.
pub(crate) struct Top {
    /// The kind, such as `a scenario`.
    pub what: &'static str,
    /// How such a file begins, such as `scenario: a title`.
    pub beginning: &'static str,
    /// Every key there is.
    pub keys: &'static [&'static str],
    /// The keys without which nothing can be done, and how they are written.
    pub necessary: &'static [(&'static str, &'static str)],
}

impl Top {
    /// Notes what is wrong at the top of a file; false when there is nothing to read further.
    pub(crate) fn check(&self, reader: &mut Reader, tree: &Tree) -> bool {
        let Value::Map(entries) = &tree.value else {
            if tree.value == Value::Null {
                reader.nothing_here(&tree.span);
                return false;
            }
            let message = format!("{} is keys with values, this is {}", self.what, tree.describe());
            reader.fail(&tree.span, message, format!("begin with `{}`", self.beginning));
            return false;
        };
        let mut meant = Vec::new();
        for (key, _) in entries.iter().filter(|(key, _)| !self.keys.contains(&key.text.as_str())) {
            meant.extend(suggest::nearest(&key.text, self.keys));
            let help = suggest::among(&key.text, "keys", self.keys.iter().copied());
            let message = format!("there is no key `{}` here", shorten(&key.text));
            reader.fail(&key.span, message, help);
        }
        for (key, written) in self.necessary {
            // A misspelt key was told above; that it is missing would be the same once more.
            if tree.get(key).is_none() && !meant.contains(key) {
                let message = format!("the key `{key}` is missing");
                reader.fail(&first_place(tree), message, format!("add `{written}`"));
            }
        }
        true
    }
}
