//! The states that are sealed: a small one and a large one, like those of applications.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The lifetime of every token, in seconds.
pub const LIFETIME: u64 = 3600;

/// A state that every library can carry.
pub trait State:
    Serialize
    + DeserializeOwned
    + Clone
    + PartialEq
    + Debug
    + Send
    + Sync
    + 'static
    + bulla::Payload
    + bulla_default::Payload
    + bulla_dryoc::Payload
{
    /// The borrowed form.
    type View<'a>: bulla::token::View<'a, Of = Self>
        + bulla_default::token::View<'a, Of = Self>
        + bulla_dryoc::token::View<'a, Of = Self>;

    /// The value that is sealed and opened.
    fn sample() -> Self;
}

/// The small state: a signed-in user. 84 bytes in postcard, 193 bytes in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    id: u64,
    name: String,
    mail: String,
    roles: Vec<Role>,
    tenant: String,
    locale: String,
    signed_in_at: u64,
}

/// A role of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "example values")]
pub enum Role {
    #[default]
    Customer,
    Editor,
    Reports,
}

/// The borrowed form of [`Account`].
#[derive(Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields of Account")]
pub struct AccountView<'a> {
    pub id: u64,
    pub name: &'a str,
    pub mail: &'a str,
    pub roles: Few<Role>,
    pub tenant: &'a str,
    pub locale: &'a str,
    pub signed_in_at: u64,
}

/// The large state: a user and other session data, about 2.4 kB in postcard. Most of it is strings,
/// so JSON is not much longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    account: Account,
    seen: Vec<String>,
    settings: Vec<(String, String)>,
}

/// The borrowed form of [`Visit`].
#[derive(Debug, Deserialize)]
#[expect(missing_docs, reason = "the fields of Visit")]
pub struct VisitView<'a> {
    #[serde(borrow)]
    pub account: AccountView<'a>,
    #[serde(borrow)]
    pub seen: Few<&'a str>,
    #[serde(borrow)]
    pub settings: Few<(&'a str, &'a str)>,
}

/// Up to 40 values, without an allocation.
#[derive(Debug)]
pub struct Few<T>([T; 40], usize);

impl<T> std::ops::Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0[..self.1]
    }
}

impl<'de, T: Deserialize<'de> + Copy + Default> Deserialize<'de> for Few<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Few<T>, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de> + Copy + Default> serde::de::Visitor<'de> for Visitor<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("at most 40 values")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut values: A,
            ) -> Result<Few<T>, A::Error> {
                let mut few = Few([T::default(); 40], 0);
                while let Some(value) = values.next_element()? {
                    let free = few.0.get_mut(few.1);
                    *free.ok_or_else(|| serde::de::Error::custom("too many"))? = value;
                    few.1 += 1;
                }
                Ok(few)
            }
        }

        from.deserialize_seq(Visitor(std::marker::PhantomData))
    }
}

impl State for Account {
    type View<'a> = AccountView<'a>;

    fn sample() -> Account {
        Account {
            id: 4_815_162_342,
            name: "Grace Brewster Hopper".into(),
            mail: "grace.hopper@shops.example".into(),
            roles: vec![Role::Customer, Role::Editor, Role::Reports],
            tenant: "shop-west-2026".into(),
            locale: "en-US".into(),
            signed_in_at: 1_796_126_400,
        }
    }
}

impl State for Visit {
    type View<'a> = VisitView<'a>;

    fn sample() -> Visit {
        let seen =
            |n: u32| format!("/articles/{:07}/autumn-catalogue-2026", 1_000_003 * n % 9_999_991);
        let setting = |n: u32| (format!("panel.{n}.layout"), format!("columns={n};sort=newest"));
        Visit {
            account: Account::sample(),
            seen: (1..=40).map(seen).collect(),
            settings: (1..=19).map(setting).collect(),
        }
    }
}

macro_rules! payloads {
    ($($state:ident: $view:ident for $purpose:literal),+) => {
        $(payloads! { @of bulla, $state, $view, $purpose }
        payloads! { @of bulla_default, $state, $view, $purpose }
        payloads! { @of bulla_dryoc, $state, $view, $purpose })+
    };
    (@of $library:ident, $state:ident, $view:ident, $purpose:literal) => {
        impl $library::Payload for $state {
            const PURPOSE: &'static str = $purpose;
            type Previous = $library::token::NoPrevious;

            fn upgrade(previous: $library::token::NoPrevious) -> $state {
                match previous {}
            }
        }

        impl<'a> $library::token::View<'a> for $view<'a> {
            type Of = $state;
        }
    };
}

payloads! { Account: AccountView for "shop.example/session", Visit: VisitView for "shop.example/visit" }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_have_their_documented_sizes() {
        fn sizes(state: &impl State) -> (usize, usize) {
            let postcard = postcard::to_allocvec(state).unwrap().len();
            (postcard, serde_json::to_vec(state).unwrap().len())
        }
        assert_eq!(sizes(&Account::sample()), (84, 193));
        assert_eq!(sizes(&Visit::sample()), (2409, 2744));
    }
}
