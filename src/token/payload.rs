//! Payload types: the trait, its encodings, and the chain of schema versions.

use std::fmt;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::token::skips::{Unwritten, write_whole};
use crate::token::wipe::append_wiped;

/// A type whose values can be stored in tokens, with its purpose and schema version.
///
/// Derive it with the feature `derive`, which is on by default:
///
/// ```
/// use bulla::Payload;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "bank.example/session")]
/// struct AccountV1 { id: u64 }
///
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "bank.example/session", version = 2, previous = AccountV1)]
/// struct Account { id: u64, name: String }
///
/// impl From<AccountV1> for Account {
///     fn from(old: AccountV1) -> Account {
///         Account { id: old.id, name: String::new() }
///     }
/// }
/// ```
///
/// # Schema versions
///
/// **Raise `VERSION` whenever the fields of the type change.** The default encoding does not
/// write field names, so a value of the old type could be read as a different value of the new
/// one.
///
/// Keep the old type as `Previous` until its tokens have expired. An old value is upgraded when its
/// token is opened, step by step along the chain of previous types. A server that does not know
/// the newer version refuses the token, and a session's token is then
/// [left alone](crate::OpenError::may_be_valid_elsewhere).
///
/// A chain does not compile if a version is not higher than the previous one, or if the previous
/// type has another purpose:
///
/// ```compile_fail
/// # use bulla::Payload;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize, Payload)]
/// # #[payload(purpose = "bank.example/session", version = 2)]
/// # struct Old { id: u64 }
/// # impl From<Old> for Account { fn from(old: Old) -> Account { Account { id: old.id } } }
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "bank.example/session", version = 2, previous = Old)]
/// struct Account { id: u64 }
/// ```
///
/// # Serde attributes
///
/// Postcard writes the values of the fields one after another, without names and types, so every
/// field must always be written. Therefore postcard cannot be used with `skip_serializing_if`,
/// `flatten`, `untagged` or `tag`, nor with only one of `skip_serializing` and
/// `skip_deserializing`, nor with `serde_json::Value`. Use serde's default representation of enums,
/// or JSON with `#[payload(encoding = "json")]`.
///
/// The derive rejects these attributes in the type itself. In a nested type, a field that
/// `skip_serializing_if` leaves out causes a [`PayloadError`] when the value is written. Debug
/// builds also read back every value that they write, and return a `PayloadError` if that fails.
///
/// ```compile_fail
/// # use bulla::Payload;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize, Payload)]
/// #[payload(purpose = "bank.example/session")]
/// struct Account {
///     #[serde(skip_serializing_if = "Option::is_none")]
///     admin_of: Option<u8>,
///     name: String,
/// }
/// ```
///
/// # Comparing values
///
/// A session compares the encodings of its old and its new state, and writes nothing if they are
/// equal. Use `BTreeMap` instead of `HashMap`, because the order of a `HashMap` can differ between
/// two encodings of the same value.
pub trait Payload: Serialize + DeserializeOwned {
    /// The purpose of the type's tokens: 1 to 255 visible ASCII characters, without spaces.
    ///
    /// A token opens only for the purpose for which it was made (spec section 3).
    const PURPOSE: &'static str;

    /// The schema version: at least 1, and higher than the version of `Previous`.
    const VERSION: u32 = 1;

    /// The encoding of values.
    const ENCODING: Encoding = Encoding::Postcard;

    /// The type of the previous schema version. For the first version, this is [`NoPrevious`].
    type Previous: Payload;

    /// Converts a value of the previous type.
    fn upgrade(previous: Self::Previous) -> Self;
}

/// A borrowed form of a payload, for reading without copying strings.
///
/// It must have the fields of [`Of`](View::Of) in the same order, with borrowed types in place of
/// owned ones: `&'a str` for `String`, and `&'a [u8]` with `serde_bytes` for bytes. See
/// [`Sealer::open_in`](crate::Sealer::open_in).
pub trait View<'a>: Deserialize<'a> {
    /// The payload type.
    type Of: Payload;
}

/// The encoding of a payload's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// [postcard](https://docs.rs/postcard): compact binary, the default.
    Postcard,
    /// JSON, for signed tokens that a front end reads.
    #[cfg(feature = "json")]
    Json,
}

/// The `Previous` type of a first schema version. It has no values.
#[derive(Debug)]
pub enum NoPrevious {}

impl Serialize for NoPrevious {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

impl<'de> Deserialize<'de> for NoPrevious {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<NoPrevious, D::Error> {
        Err(D::Error::custom("no value has this type"))
    }
}

impl Payload for NoPrevious {
    const PURPOSE: &'static str = "";
    const VERSION: u32 = 0;
    type Previous = NoPrevious;

    fn upgrade(previous: NoPrevious) -> NoPrevious {
        previous
    }
}

/// Checks the constants of `P` at compile time against the rules of [`Payload`].
#[doc(hidden)]
pub const fn check<P: Payload>() {
    assert!(is_purpose(P::PURPOSE), "a purpose is 1 to 255 visible ASCII characters");
    assert!(P::VERSION >= 1, "schema versions count from 1");
    assert!(
        P::VERSION > <P::Previous as Payload>::VERSION,
        "the schema version must be higher than that of the previous type"
    );
    assert!(
        <P::Previous as Payload>::VERSION == 0
            || same(P::PURPOSE, <P::Previous as Payload>::PURPOSE),
        "the previous type must have the same purpose"
    );
}

#[expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "evaluated when the program is compiled"
)]
const fn is_purpose(purpose: &str) -> bool {
    let bytes = purpose.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] < 0x21 || bytes[i] > 0x7e {
            return false;
        }
        i += 1;
    }
    !bytes.is_empty() && bytes.len() <= 255
}

#[expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "evaluated when the program is compiled"
)]
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    a.len() == b.len()
}

/// Appends the encoding of `payload` to `out`.
///
/// Debug builds also decode the value, and an application's tests usually run in debug builds. So a
/// value that cannot be read back fails when it is encoded, and not only when its token is opened.
#[expect(clippy::indexing_slicing, reason = "writing appends, so start is within out")]
pub(crate) fn encode<P: Payload>(payload: &P, out: &mut Vec<u8>) -> Result<(), PayloadError> {
    let start = out.len();
    write(payload, out)?;
    if cfg!(debug_assertions) {
        decode::<P>(P::VERSION, &out[start..])?;
    }
    Ok(())
}

fn write<P: Payload>(payload: &P, out: &mut Vec<u8>) -> Result<(), PayloadError> {
    match P::ENCODING {
        Encoding::Postcard => {
            let mut serializer = postcard::Serializer { output: Wiped(out) };
            write_whole(payload, &mut serializer).map_err(|unwritten| {
                PayloadError(match unwritten {
                    Unwritten::Skips => {
                        "a field was left out (skip_serializing_if), so postcard could not read \
                         the value back"
                    }
                    Unwritten::Other(error) => postcard_reason(&error),
                })
            })
        }
        #[cfg(feature = "json")]
        Encoding::Json => serde_json::to_writer(Wiped(out), payload)
            .map_err(|_| PayloadError("the value cannot be written as JSON")),
    }
}

/// How the schema version of a token relates to the chain of `P`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    Known,
    Newer,
    Retired,
}

/// Steps 11 and 12 of opening (spec section 7).
pub(crate) fn schema<P: Payload>(version: u32) -> Schema {
    if version > P::VERSION {
        return Schema::Newer;
    }
    if in_chain::<P>(version) { Schema::Known } else { Schema::Retired }
}

fn in_chain<P: Payload>(version: u32) -> bool {
    P::VERSION != 0 && (version == P::VERSION || in_chain::<P::Previous>(version))
}

/// Reads a value of any version in the chain and upgrades it to `P` (step 14).
pub(crate) fn decode<P: Payload>(version: u32, bytes: &[u8]) -> Result<P, PayloadError> {
    if version == P::VERSION {
        return decode_as(P::ENCODING, bytes);
    }
    if P::VERSION == 0 {
        return Err(PayloadError("the schema version is not in the chain"));
    }
    decode::<P::Previous>(version, bytes).map(P::upgrade)
}

/// Reads a value, which may borrow from `bytes`. Fails if it does not use all bytes.
pub(crate) fn decode_as<'a, V: Deserialize<'a>>(
    encoding: Encoding,
    bytes: &'a [u8],
) -> Result<V, PayloadError> {
    match encoding {
        Encoding::Postcard => match postcard::take_from_bytes(bytes) {
            Ok((value, [])) => Ok(value),
            Ok(_) => Err(PayloadError("bytes are left over")),
            Err(error) => Err(PayloadError(postcard_reason(&error))),
        },
        #[cfg(feature = "json")]
        Encoding::Json => serde_json::from_slice(bytes).map_err(|error| {
            PayloadError(match error.classify() {
                serde_json::error::Category::Eof => "the JSON ends too early",
                serde_json::error::Category::Syntax => "the JSON is not well-formed",
                _ => "the JSON does not fit the type",
            })
        }),
    }
}

/// The reason for an error, as a fixed text. Serde's own messages are not used, because they may
/// repeat the value.
fn postcard_reason(error: &postcard::Error) -> &'static str {
    match error {
        postcard::Error::DeserializeUnexpectedEnd => "the bytes end too early",
        postcard::Error::WontImplement | postcard::Error::NotYetImplemented => {
            "postcard writes no type information, so it cannot read untagged, internally tagged or \
             flattened types, or serde_json::Value: use serde's default representation of enums, \
             or JSON with #[payload(encoding = \"json\")]"
        }
        postcard::Error::SerializeSeqLengthUnknown => {
            "postcard cannot write a sequence or map whose length is not known before, such as a \
             struct with a flattened field: remove the attribute flatten, or use JSON with \
             #[payload(encoding = \"json\")]"
        }
        postcard::Error::SerdeSerCustom => "a Serialize implementation reported an error",
        postcard::Error::SerdeDeCustom => "a Deserialize implementation rejected the value",
        _ => "the bytes do not fit the type",
    }
}

/// Why a payload could not be encoded or decoded. The text never repeats the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadError(pub(crate) &'static str);

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for PayloadError {}

/// A writer to a buffer that is wiped when it grows into new memory.
struct Wiped<'a>(&'a mut Vec<u8>);

impl Wiped<'_> {
    #[inline]
    fn extend(&mut self, bytes: &[u8]) {
        append_wiped(self.0, bytes);
    }
}

impl postcard::ser_flavors::Flavor for Wiped<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.extend(&[byte]);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.extend(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(feature = "json")]
impl std::io::Write for Wiped<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;
    use std::num::NonZeroU8;
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_purpose_is_1_to_255_visible_ascii_characters() {
        for (purpose, fits) in [
            ("shop.example/reset-link", true),
            ("!~", true),
            (&"x".repeat(255), true),
            (&"x".repeat(256), false),
            ("", false),
            ("a b", false),
            ("a\x7f", false),
            ("é", false),
        ] {
            assert_eq!(is_purpose(purpose), fits, "{purpose:?}");
        }
    }

    #[test]
    fn purposes_are_equal_only_if_every_byte_is() {
        for (a, b, are) in [
            ("abc", "abc", true),
            ("abc", "xbc", false),
            ("abc", "abx", false),
            ("abc", "ab", false),
            ("ab", "abc", false),
        ] {
            assert_eq!(same(a, b), are, "{a} {b}");
        }
    }

    /// A payload type of version `N`, for one of three purposes.
    #[derive(Serialize, Deserialize)]
    struct Shape<const FOR: usize, const N: u32, Previous>(PhantomData<Previous>);

    impl<const FOR: usize, const N: u32, P: Payload> Payload for Shape<FOR, N, P> {
        const PURPOSE: &'static str = ["a", "b", ""][FOR];
        const VERSION: u32 = N;
        type Previous = P;

        fn upgrade(_: P) -> Self {
            Shape(PhantomData)
        }
    }

    /// The check that this test calls runs at compile time for every type that has a sealer or a
    /// signer.
    #[test]
    fn versions_in_a_chain_rise_from_at_least_1_and_share_one_purpose() {
        type First<const FOR: usize, const N: u32> = Shape<FOR, N, NoPrevious>;
        let table: [(fn(), bool); 8] = [
            (check::<First<0, 1>>, true),
            (check::<First<0, 0>>, false),
            (check::<First<2, 1>>, false),
            (check::<Shape<0, 2, First<0, 1>>>, true),
            (check::<Shape<0, 5, First<0, 2>>>, true),
            (check::<Shape<0, 2, First<0, 2>>>, false),
            (check::<Shape<0, 1, First<0, 2>>>, false),
            (check::<Shape<0, 2, First<1, 1>>>, false),
        ];
        for (row, (check, passes)) in table.into_iter().enumerate() {
            assert_eq!(catch_unwind(check).is_ok(), passes, "row {row}");
        }
    }

    #[test]
    fn decoding_errors_give_the_reason_and_do_not_repeat_the_value() {
        #[track_caller]
        fn says<'a, V: Deserialize<'a>>(encoding: Encoding, bytes: &'a [u8], reason: &str) {
            assert_eq!(decode_as::<V>(encoding, bytes).err().map(|error| error.0), Some(reason));
        }
        says::<(u8, u8)>(Encoding::Postcard, &[1], "the bytes end too early");
        says::<u8>(Encoding::Postcard, &[1, 2], "bytes are left over");
        says::<bool>(Encoding::Postcard, &[2], "the bytes do not fit the type");
        let refused = "a Deserialize implementation rejected the value";
        says::<NonZeroU8>(Encoding::Postcard, &[0], refused);
        let not_held = postcard_reason(&postcard::Error::WontImplement);
        assert!(not_held.contains("untagged"), "{not_held}");
        says::<serde::de::IgnoredAny>(Encoding::Postcard, &[0], not_held);
        #[cfg(feature = "json")]
        for (json, reason) in [
            ("[1", "the JSON ends too early"),
            ("[1}", "the JSON is not well-formed"),
            ("\"secret\"", "the JSON does not fit the type"),
        ] {
            says::<(u8, u8)>(Encoding::Json, json.as_bytes(), reason);
        }
    }

    #[test]
    fn encoding_errors_give_the_reason_and_do_not_repeat_the_value() {
        struct Refuses;
        impl Serialize for Refuses {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("secret"))
            }
        }
        struct Endless;
        impl Serialize for Endless {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_seq(None).map(|_| unreachable!("it wants the length first"))
            }
        }
        let reason = |error: Result<Vec<u8>, _>| postcard_reason(&error.unwrap_err());
        assert_eq!(
            reason(postcard::to_allocvec(&Refuses)),
            "a Serialize implementation reported an error"
        );
        let unknown_length = reason(postcard::to_allocvec(&Endless));
        assert!(unknown_length.contains("whose length is not known"), "{unknown_length}");
    }
}
