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

#[cfg(test)]
mod tests {
    use crate::doip::PayloadType;
    use crate::uds::Nrc;

    #[test]
    fn every_number_is_kept() {
        for number in 0..=u8::MAX {
            assert_eq!(Nrc::from(number).number(), number);
        }
        for number in 0..=u16::MAX {
            assert_eq!(PayloadType::from(number).number(), number);
        }
    }

    #[test]
    fn only_numbers_without_a_name_are_other() {
        for number in 0..=u8::MAX {
            let code = Nrc::from(number);
            assert_eq!(matches!(code, Nrc::Other(_)), code.name().is_none());
            assert_eq!(Nrc::NAMED.contains(&code), code.name().is_some());
        }
    }

    #[test]
    fn codes_print_their_name_or_their_number() {
        assert_eq!(Nrc::WrongBlockSequenceCounter.to_string(), "wrongBlockSequenceCounter");
        assert_eq!(Nrc::Other(0x0B).to_string(), "unknown 0B");
        assert_eq!(PayloadType::Other(0x9000).to_string(), "unknown 9000");
    }
}
