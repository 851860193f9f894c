//! Numbers on the wire that have names: an enum, its number both ways, its words.

/// Declares an enum over every value of an integer: the named ones, and `Other` for the rest.
///
/// `From<integer>` is total and never yields `Other` for a named value.
macro_rules! codes {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident: $int:ty {
            $($(#[$extra:meta])* $variant:ident = $value:literal $text:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name {
            $(
                #[doc = concat!("`", stringify!($value), "`: ", $text, ".")]
                $(#[$extra])*
                $variant,
            )*
            /// A value without a name here.
            Other($int),
        }

        impl $name {
            /// Every named value, in the order of their numbers.
            pub const NAMED: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the number on the wire.
            pub const fn number(self) -> $int {
                match self {
                    $(Self::$variant => $value,)*
                    Self::Other(number) => number,
                }
            }

            /// Returns the name in words, `None` for a value without one.
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($text),)*
                    Self::Other(_) => None,
                }
            }
        }

        impl From<$int> for $name {
            fn from(number: $int) -> Self {
                match number {
                    $($value => Self::$variant,)*
                    other => Self::Other(other),
                }
            }
        }

        impl From<$name> for $int {
            fn from(code: $name) -> Self {
                code.number()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let width = 2 * size_of::<$int>();
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "unknown {:0width$X}", self.number()),
                }
            }
        }
    };
}

pub(crate) use codes;
