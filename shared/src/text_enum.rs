//! One macro for every enum whose variants are words on the wire, in the database and in logs,
//! so that a word is spelled in one place.

/// A word that stands for none of an enum's variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    /// What was expected, for example `payment status`.
    pub what: &'static str,
}

impl std::fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a known {}", self.what)
    }
}

impl std::error::Error for UnknownWord {}

/// Defines a `Copy` enum together with its words: `as_str`, `FromStr`, `Display`, serde as a
/// string, and `ALL`, the variants in order.
#[macro_export]
macro_rules! text_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident ($what:literal) {
            $( $(#[$vmeta:meta])* $variant:ident = $word:literal ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum $name {
            $( $(#[$vmeta])* #[serde(rename = $word)] $variant ),+
        }

        impl $name {
            /// Every variant, in the order of their definition.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];

            /// The word on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word ),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::text_enum::UnknownWord;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                match s {
                    $( $word => Ok(Self::$variant), )+
                    _ => Err($crate::text_enum::UnknownWord { what: $what }),
                }
            }
        }
    };
}
