//! Law: a line of a revocation list is read as the documentation says. If the revocation is written
//! and read again, it is the same.

use bulla::revocation::{Exception, Revocation};

use crate::fixed::at;
use crate::independent::{Line, read_line, to_hex};

/// `data` is the text of a list.
///
/// # Panics
/// If the two implementations differ, or if the line that is written contains a different
/// revocation.
pub fn revocation(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    line(text);
    text.lines().for_each(line);
}

fn line(text: &str) {
    let (here, there) = (text.parse::<Revocation>(), read_line(text));
    let (Ok(here), Some(there)) = (here, there.clone()) else {
        assert!(here.is_err() && there.is_none(), "{here:?} here, {there:?} there");
        return;
    };
    let except =
        |except: Option<Exception>| except.map(|except| (*except.origin.as_bytes(), except.mark));
    match (here, there.clone()) {
        (Revocation::Session { id, until }, Line::Session { id: other, until: end }) => {
            assert_eq!((*id.as_bytes(), until), (other, at(end)));
        }
        (
            Revocation::Subject { subject, before, except: spared, until },
            Line::Subject { digest, before: cutoff, until: end, except: other },
        ) => {
            assert_eq!(subject.to_string(), to_hex(&digest));
            assert_eq!((before, until, except(spared)), (at(cutoff), at(end), other));
        }
        (
            Revocation::Key { id, before, until },
            Line::Key { id: other, before: cutoff, until: end },
        ) => {
            assert_eq!((id.to_string(), before, until), (to_hex(&other), at(cutoff), at(end)));
        }
        (
            Revocation::All { before, except: spared, until },
            Line::All { before: cutoff, until: end, except: other },
        ) => assert_eq!((before, until, except(spared)), (at(cutoff), at(end), other)),
        (here, there) => panic!("{here:?} here, {there:?} there"),
    }
    let written = here.to_string();
    assert_eq!(written.parse(), Ok(here), "{written}");
    assert_eq!(read_line(&written), Some(there), "{written}");
}
