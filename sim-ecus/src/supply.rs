//! What the supply voltage allows (`uds-and-bmw-ecus.md` §11.3).

use wire::uds::Nrc;

/// Below this the pre-condition check warns, in millivolts.
pub const WARN_BELOW: u32 = 12_500;
/// Below this nothing is erased or written, in millivolts.
pub const REFUSE_BELOW: u32 = 11_500;
/// Above this nothing is erased or written, in millivolts.
pub const REFUSE_ABOVE: u32 = 15_500;
/// Below this the unit resets, in millivolts.
pub const BROWNOUT_BELOW: u32 = 9_000;
/// From this on a unit that browned out starts again, in millivolts.
pub const RECOVER_FROM: u32 = 9_500;
/// What a unit sees until it is told otherwise, in millivolts.
pub const NOMINAL: u32 = 13_580;

/// Pre-condition codes of the HIS list (§6.3).
const PROGRAMMING_VOLTAGE_TOO_LOW: u8 = 0x08;
const VEHICLE_VOLTAGE_TOO_LOW: u8 = 0x0A;
const NOT_IN_SAFE_STATE: u8 = 0x80;

/// Returns why flash memory may not be changed at this voltage.
pub(crate) fn check_flash(millivolts: u32) -> Result<(), Nrc> {
    if millivolts < REFUSE_BELOW {
        Err(Nrc::VoltageTooLow)
    } else if millivolts > REFUSE_ABOVE {
        Err(Nrc::VoltageTooHigh)
    } else {
        Ok(())
    }
}

/// Returns one code per pre-condition that is not met, as routine 0203 lists them.
pub(crate) fn unmet_conditions(millivolts: u32) -> Vec<u8> {
    let mut codes = Vec::new();
    if millivolts < REFUSE_BELOW {
        codes.push(PROGRAMMING_VOLTAGE_TOO_LOW);
    }
    if millivolts < WARN_BELOW {
        codes.push(VEHICLE_VOLTAGE_TOO_LOW);
    }
    if millivolts > REFUSE_ABOVE {
        codes.push(NOT_IN_SAFE_STATE);
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::good(13_000, Ok(()), &[])]
    #[case::warning(12_499, Ok(()), &[0x0A])]
    #[case::lowest(11_500, Ok(()), &[0x0A])]
    #[case::too_low(11_499, Err(Nrc::VoltageTooLow), &[0x08, 0x0A])]
    #[case::highest(15_500, Ok(()), &[])]
    #[case::too_high(15_501, Err(Nrc::VoltageTooHigh), &[0x80])]
    fn thresholds(#[case] mv: u32, #[case] flash: Result<(), Nrc>, #[case] codes: &[u8]) {
        assert_eq!(check_flash(mv), flash);
        assert_eq!(unmet_conditions(mv), codes);
    }
}
