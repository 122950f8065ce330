use super::*;
use proptest::prelude::*;

fn learner() -> Learner {
    Learner {
        user: "XEinXf5+".into(),
        offset: vec![0.5, -0.25, 1e-20],
        words: 1 << 40,
        model: "0123456789abcdef".repeat(4),
        precision: vec![2.0, -0.5, 1.0],
        history: History::default(),
    }
}

fn refused(bytes: &[u8]) -> Error {
    let error = Learner::from_bytes(bytes).unwrap_err();
    assert!(!error.advice().is_empty());
    error
}

#[test]
fn what_was_stored_comes_back() {
    let (one, other) = (learner(), Learner { user: "é".into(), ..learner() });
    let bytes = one.to_bytes();
    assert_eq!(bytes.len(), 8 + 64 + 8 + 3 * 4 + 8 + 3 * 4 + 3 * 4 + (3 * 8 + 8 + 4 + 4));
    assert_eq!(Learner::from_bytes(&bytes).unwrap(), one);
    assert_eq!(Learner::all_from_bytes(&[bytes.clone(), other.to_bytes()].concat()).unwrap(), [one, other]);
    assert_eq!(Learner::all_from_bytes(b"").unwrap(), []);
}

#[test]
fn anything_else_is_refused_with_what_is_wrong() {
    let bytes = learner().to_bytes();
    let changed = |at: usize, to: &[u8]| {
        let mut changed = bytes.clone();
        changed[at..at + to.len()].copy_from_slice(to);
        refused(&changed).to_string()
    };
    assert!(refused(b"").to_string().contains("end too early"));
    assert!(changed(0, b"X").contains("does not begin"));
    assert!(changed(7, &[9]).contains("version 9, where this libmtl reads 2"));
    assert!(changed(8, b"-").contains("digest"));
    assert!(changed(80, &[0, 0, 0, 0]).contains("name is 0"));
    assert!(changed(80, &[0, 0, 1, 0]).contains("name is 65536"));
    assert!(changed(84, &[255; 4]).contains("width is 4294967295"));
    assert!(changed(88, &[5]).contains("directions is 5"));
    assert!(changed(92, &[255]).contains("UTF-8"));
    assert!(changed(100, &f32::NAN.to_le_bytes()).contains("NaN"));
    assert!(changed(100, &1e30f32.to_le_bytes()).contains("1000000000000000000000000000000"));
    assert!(changed(112, &(-2f32).to_le_bytes()).contains("positive definite"));
    assert!(refused(&[&bytes[..], b"!"].concat()).to_string().contains("1 bytes follow"));
    let error = Learner::all_from_bytes(&[&bytes[..], &bytes[..50]].concat()).unwrap_err();
    assert!(error.to_string().starts_with("learner 1: "), "{error}");
}

proptest! {
    /// Whatever is read is whole: it is written back as it was, and its numbers can be computed with.
    #[test]
    fn hostile_bytes_are_refused_or_read_whole(
        cut in 0usize..200,
        changes in prop::collection::vec((0usize..124, any::<u8>()), 0..6),
        tail in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut bytes = learner().to_bytes();
        changes.into_iter().for_each(|(at, to)| bytes[at] = to);
        bytes.truncate(cut);
        bytes.extend(tail);
        if let Ok(read) = Learner::from_bytes(&bytes) {
            prop_assert_eq!(read.to_bytes(), bytes);
            prop_assert!(read.offset.iter().chain(&read.precision).all(|x| x.is_finite()));
        }
    }
}
