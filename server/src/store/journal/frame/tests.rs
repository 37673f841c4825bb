//! The form of a frame: round trips, golden bytes, damage.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::event::{EventKind, Subjects};
use crate::domain::ids::RunId;

const SEED: u32 = 0x5eed;

/// The frame of [`mk_frame`] as every version must read it.
const GOLDEN: &str = concat!(
    "504d46310000013ade6172bb8ca16305a16704a174cf00060a24181e4000a16ea461636d65a170ac6167656e",
    "743a626f6f6b6572a172a9726571756573742d31a17307a16c09a1659184a46b696e64ab72756e2e73746172",
    "746564a87375626a6563747381a372756ec41000000000000000000000000000000001ad616374696f6e5f64",
    "6967657374c420aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa87061796c",
    "6f61647391c420bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbba1779292c4",
    "0161c4013192c40162c0a178c41003030303030303030303030303030303a1649183a26964c4100000000000",
    "0000000000000000000002aa636f6d6d69746d656e74c420bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "bbbbbbbbbbbbbbbbbbbbbbbba473697a650c",
);

fn mk_frame() -> Frame {
    Frame {
        commit: 5,
        group: 4,
        time: Timestamp::from_micros(1_700_000_000_000_000),
        tenant: "acme".to_owned(),
        principal: "agent:booker".to_owned(),
        request_id: Some("request-1".to_owned()),
        first_sequence: 7,
        leaf_index: 9,
        events: vec![Event {
            kind: EventKind::RunStarted,
            subjects: Subjects { run: Some(RunId::new(Uuid::from_u128(1))), ..Subjects::default() },
            action_digest: Some(Digest::new([0xaa; 32])),
            payloads: vec![Digest::new([0xbb; 32])],
        }],
        writes: vec![
            Write { key: Bytes::from("a"), value: Some(Bytes::from("1")) },
            Write { key: Bytes::from("b"), value: None },
        ],
        salt: [3; WRITES_SALT_LENGTH],
        payloads: vec![PayloadRef {
            id: Uuid::from_u128(2),
            commitment: Digest::new([0xbb; 32]),
            size: 12,
        }],
    }
}

fn encoded(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode(SEED, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_frame_is_these_bytes() {
    let bytes = encoded(&mk_frame());
    assert_eq!(hex::encode(&bytes), GOLDEN);
    assert_eq!(decode(SEED, &bytes), Ok((mk_frame(), bytes.len())));
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    let bytes = encoded(&mk_frame());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert!(decode(SEED, &damaged).is_err(), "byte {at} bit {bit}");
        }
        assert!(decode(SEED, &bytes[..at]).is_err(), "cut at {at}");
    }
    assert_eq!(decode(SEED + 1, &bytes), Err(FrameError::Checksum));
}

#[test]
fn names_of_a_newer_version_are_skipped() {
    #[derive(Serialize)]
    struct Newer {
        z: &'static str,
        #[serde(flatten)]
        frame: Frame,
    }
    let body = rmp_serde::to_vec_named(&Newer { z: "new", frame: mk_frame() }).unwrap();
    assert_eq!(rmp_serde::from_slice::<Frame>(&body).unwrap(), mk_frame());
}

proptest! {
    #[test]
    fn frames_round_trip(
        numbers in prop::array::uniform5(any::<u32>()),
        texts in prop::array::uniform2(".{0,40}"),
        writes in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..40),
             prop::option::of(prop::collection::vec(any::<u8>(), 0..300))),
            0..6,
        ),
        salt: [u8; WRITES_SALT_LENGTH],
    ) {
        let [commit, group, time, first_sequence, leaf_index] = numbers.map(u64::from);
        let [tenant, principal] = texts;
        let writes = writes
            .into_iter()
            .map(|(key, value)| Write { key: key.into(), value: value.map(Bytes::from) })
            .collect();
        let time = Timestamp::from_micros(-(time as i64));
        let frame = Frame {
            commit, group, time, tenant, principal, first_sequence, leaf_index, writes, salt,
            request_id: None, ..mk_frame()
        };
        let bytes = encoded(&frame);
        prop_assert_eq!(whole(SEED, &bytes), Ok(bytes.len()));
        prop_assert_eq!(decode(SEED, &bytes), Ok((frame, bytes.len())));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(SEED, &bytes);
        bytes.splice(0..0, MAGIC);
        let _ = decode(SEED, &bytes);
        let _ = rmp_serde::from_slice::<Frame>(&bytes);
    }
}
