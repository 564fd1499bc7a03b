//! The bank's own data: customers and balances, kept in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An amount in pence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Money(u64);

pub(crate) struct Ledger {
    accounts: Mutex<BTreeMap<&'static str, Account>>,
}

#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) name: &'static str,
    pub(crate) balance: Money,
    pin: &'static str,
}

impl Ledger {
    pub(crate) fn open() -> Ledger {
        let accounts = [
            ("ada", Account { name: "Ada Lovelace", balance: Money(184_300), pin: "1815" }),
            ("alan", Account { name: "Alan Turing", balance: Money(193_600), pin: "1912" }),
        ];
        Ledger { accounts: Mutex::new(BTreeMap::from(accounts)) }
    }

    /// Returns the user's name if the user exists and the PIN is correct.
    pub(crate) fn sign_in(&self, user: &str, pin: &str) -> Option<&'static str> {
        let accounts = self.accounts();
        let (user, account) = accounts.get_key_value(user)?;
        (account.pin == pin).then_some(*user)
    }

    pub(crate) fn account(&self, user: &str) -> Option<Account> {
        self.accounts().get(user).cloned()
    }

    /// Returns the user name and the full name of each customer to whom `user` can send money.
    pub(crate) fn others(&self, user: &str) -> Vec<(&'static str, &'static str)> {
        let accounts = self.accounts();
        let others = accounts.iter().filter(|(other, _)| **other != user);
        others.map(|(other, account)| (*other, account.name)).collect()
    }

    pub(crate) fn transfer(
        &self,
        from: &str,
        to: &str,
        amount: Money,
    ) -> Result<(), TransferError> {
        let mut accounts = self.accounts();
        if from == to || !accounts.contains_key(to) {
            return Err(TransferError::NoSuchAccount);
        }
        let payer = accounts.get_mut(from).ok_or(TransferError::NoSuchAccount)?;
        if payer.balance < amount {
            return Err(TransferError::NotEnough(payer.balance));
        }
        payer.balance.0 -= amount.0;
        if let Some(payee) = accounts.get_mut(to) {
            payee.balance.0 += amount.0;
        }
        Ok(())
    }

    fn accounts(&self) -> MutexGuard<'_, BTreeMap<&'static str, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) enum TransferError {
    NoSuchAccount,
    NotEnough(Money),
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransferError::NoSuchAccount => {
                f.write_str("There is no other account with this name.")
            }
            TransferError::NotEnough(balance) => write!(f, "Your balance of {balance} is too low."),
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pounds = self.0 / 100;
        match pounds / 1000 {
            0 => write!(f, "£{pounds}.{:02}", self.0 % 100),
            thousands => write!(f, "£{thousands},{:03}.{:02}", pounds % 1000, self.0 % 100),
        }
    }
}

/// Parses `12`, `12.5` and `12.50`, from 0.01 to 1,000,000 pounds.
impl FromStr for Money {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Money, &'static str> {
        let error = "Enter an amount such as 12 or 12.50, from 0.01 to 1000000.";
        let (pounds, pence) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(pounds) || !digits(pence) || pence.len() > 2 || pounds.len() > 7 {
            return Err(error);
        }
        let pounds: u64 = pounds.parse().map_err(|_| error)?;
        let pence: u64 = format!("{pence:0<2}").parse().map_err(|_| error)?;
        match pounds * 100 + pence {
            amount @ 1..=100_000_000 => Ok(Money(amount)),
            _ => Err(error),
        }
    }
}

impl Money {
    pub(crate) fn pence(self) -> u64 {
        self.0
    }

    /// Returns the amount in the form that `from_str` parses.
    pub(crate) fn plain(self) -> String {
        format!("{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_pounds_and_pence_and_nothing_else() {
        for (text, pence) in [("12", 1200), (" 12.5 ", 1250), ("12.50", 1250), ("0.01", 1)] {
            assert_eq!(text.parse::<Money>().map(Money::pence), Ok(pence), "{text}");
        }
        for text in ["", ".", "0", "-1", "+1", "1.005", "1,50", "1e3", "1000001", "99999999999"] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
        assert_eq!(Money(184_305).to_string(), "£1,843.05");
        assert_eq!(Money(184_305).plain().parse().map(Money::pence), Ok(184_305));
    }

    #[test]
    fn a_transfer_moves_money_or_nothing() {
        let ledger = Ledger::open();
        let balances = || ["ada", "alan"].map(|user| ledger.account(user).unwrap().balance.pence());
        assert!(ledger.transfer("ada", "alan", Money(300)).is_ok());
        assert_eq!(balances(), [184_000, 193_900]);
        for (from, to, amount) in [("ada", "ada", 1), ("ada", "bob", 1), ("ada", "alan", 184_001)] {
            assert!(ledger.transfer(from, to, Money(amount)).is_err());
        }
        assert_eq!(balances(), [184_000, 193_900]);
    }
}
