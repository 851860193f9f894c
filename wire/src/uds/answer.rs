//! What kind of response bytes are.

use super::{NEGATIVE_RESPONSE, Nrc, POSITIVE_OFFSET};

/// The kind of a response. `sid` is the service identifier of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The request was carried out.
    Positive {
        /// What was asked.
        sid: u8,
    },
    /// `7F sid 78`: the answer comes later.
    Pending {
        /// What was asked.
        sid: u8,
    },
    /// `7F sid nrc`: the request was refused.
    Negative {
        /// What was asked.
        sid: u8,
        /// Why not.
        nrc: Nrc,
    },
    /// The bytes are no response.
    Malformed,
}

/// Tells what kind of response `response` is.
pub fn classify(response: &[u8]) -> Answer {
    match *response {
        [NEGATIVE_RESPONSE, sid, nrc, ..] => match Nrc::from(nrc) {
            Nrc::ResponsePending => Answer::Pending { sid },
            nrc => Answer::Negative { sid, nrc },
        },
        [NEGATIVE_RESPONSE, ..] | [] => Answer::Malformed,
        [first, ..] if first & POSITIVE_OFFSET != 0 => {
            Answer::Positive { sid: first - POSITIVE_OFFSET }
        }
        [..] => Answer::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::positive(&[0x62, 0xF1, 0x90], Answer::Positive { sid: 0x22 })]
    #[case::high_service(&[0xC5, 0x02], Answer::Positive { sid: 0x85 })]
    #[case::pending(&[0x7F, 0x31, 0x78], Answer::Pending { sid: 0x31 })]
    #[case::negative(&[0x7F, 0x22, 0x31], refused(Nrc::RequestOutOfRange))]
    #[case::unknown_nrc(&[0x7F, 0x22, 0xF5], refused(Nrc::Other(0xF5)))]
    #[case::cut(&[0x7F, 0x22], Answer::Malformed)]
    #[case::request(&[0x22, 0xF1, 0x90], Answer::Malformed)]
    #[case::empty(&[], Answer::Malformed)]
    fn classify_tells_kinds_apart(#[case] response: &[u8], #[case] expected: Answer) {
        assert_eq!(classify(response), expected);
    }

    fn refused(nrc: Nrc) -> Answer {
        Answer::Negative { sid: 0x22, nrc }
    }
}
