//! Request methods, extension methods kept (RFC 3261 §7.1, §27.4).

use crate::scan;
use std::{fmt, str::FromStr, sync::Arc};

macro_rules! methods {
    ($($variant:ident $text:literal $rfc:literal;)*) => {
        /// A request method. Methods are tokens and compared with case (§7.1).
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Method {
            $(#[doc = concat!("`", $text, "`, RFC ", $rfc)] $variant,)*
            /// Any other token.
            Extension(ExtensionMethod),
        }

        impl Method {
            /// As it stands on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Method::$variant => $text,)*
                    Method::Extension(m) => &m.0,
                }
            }

            fn known(token: &[u8]) -> Option<Method> {
                $(if token == $text.as_bytes() { return Some(Method::$variant) })*
                None
            }
        }
    };
}

methods! {
    Invite "INVITE" "3261";
    Ack "ACK" "3261";
    Bye "BYE" "3261";
    Cancel "CANCEL" "3261";
    Options "OPTIONS" "3261";
    Register "REGISTER" "3261";
    Prack "PRACK" "3262";
    Update "UPDATE" "3311";
    Info "INFO" "6086";
    Refer "REFER" "3515";
    Subscribe "SUBSCRIBE" "6665";
    Notify "NOTIFY" "6665";
    Message "MESSAGE" "3428";
    Publish "PUBLISH" "3903";
}

/// A method that this crate has no word for: always a token, so it can be put on the wire as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtensionMethod(Arc<str>);

impl Method {
    /// `None` when `token` is no token.
    pub(crate) fn from_token(token: &str) -> Option<Method> {
        Method::known(token.as_bytes())
            .or_else(|| scan::is_token(token).then(|| Method::Extension(ExtensionMethod(token.into()))))
    }
}

/// The text is not a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a method is a token")]
pub struct NotAMethod;

impl FromStr for Method {
    type Err = NotAMethod;

    fn from_str(text: &str) -> Result<Self, NotAMethod> {
        Method::from_token(text).ok_or(NotAMethod)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_case_and_keep_their_text() {
        assert_eq!("INVITE".parse(), Ok(Method::Invite));
        let lower: Method = "invite".parse().unwrap();
        assert!(matches!(lower, Method::Extension(_)));
        assert_eq!(lower.to_string(), "invite");
        assert_eq!("IN VITE".parse::<Method>(), Err(NotAMethod));
        assert_eq!("".parse::<Method>(), Err(NotAMethod));
        assert_eq!("!interesting-Method0123456789_*+`.%indeed'~".parse::<Method>().unwrap().as_str().len(), 43);
    }
}
