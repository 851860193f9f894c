//! What BMW calls identifiers and routines (`uds-and-bmw-ecus.md` §4, §6.1, §8–§10).

/// Returns what a data identifier holds.
pub(super) const fn did(number: u16) -> Option<&'static str> {
    Some(match number {
        0x1000 => "test stamp",
        0x1001 => "CBS data",
        0x100A => "energy mode",
        0x100B => "I-Step",
        0x100E => "operating mode",
        0x1700 => "odometer",
        0x1701 => "system time",
        0x170C => "board supply voltage",
        0x172A => "IP configuration",
        0x172B => "MAC address",
        0x1735 => "life-cycle mode",
        0x2000 => "secondary fault memory",
        0x2001..=0x20FF => "secondary fault memory entry",
        0x2100..=0x21FF => "fault history",
        0x2501 => "memory segmentation",
        0x2502 => "programming counter",
        0x2503 => "programming counter maximum",
        0x2504 => "flash times",
        0x2505 => "maximum block length",
        0x2506 => "read memory",
        0x2507 => "software deletion supported",
        0x2508 => "gateway routing state",
        0x2509 => "gateway routing table",
        0x3000..=0x30FF => "coding data",
        0x37FE => "coding stamp",
        0x3F00..=0x3F24 => return Some(vehicle(number)),
        0x4000 => "gateway table version",
        0x402B => "battery sensor",
        0x4050 => "calibration counters",
        0x4062 => "factory mode, set",
        0x4063 => "factory mode, read",
        0x413A => "clutch fill pressures",
        0x4140 => "programming path or fast-fill times",
        0x4150 => "learned values, reset",
        0x7E00 => "lock status",
        0x7E01 => "pairing number",
        0xD3BD => "automatic calibration control",
        0xD3DB => "dynamic calibration, mono camera",
        0xD3DC => "dynamic calibration, stereo camera",
        0xDAD2 => "terminal 15N voltage",
        0xF100 => "active session with details",
        0xF101 => "SVK",
        0xF102 => "SVK of the supplier",
        0xF103 => "SVK of the plant",
        0xF104..=0xF140 => "SVK backup",
        0xF150 => "SGBD index",
        0xF15A => "fingerprint",
        0xF186 => "active session",
        0xF18A => "supplier number",
        0xF18B => "build date",
        0xF18C => "serial number",
        0xF190 => "VIN",
        0xF300..=0xF303 => "dynamic identifier",
        _ => return None,
    })
}

/// Returns what an identifier of the vehicle configuration in the gateway holds.
const fn vehicle(number: u16) -> &'static str {
    match number {
        0x3F00 => "actual SVT",
        0x3F01 => "target SVT",
        0x3F06 => "vehicle order",
        0x3F07 => "ECU list",
        0x3F08 => "ECU list, active response",
        0x3F0C => "ECU list, coding-relevant",
        0x3F0D => "ECU list, flashable",
        0x3F0E => "ECU list, K-CAN",
        0x3F0F => "ECU list, body CAN",
        0x3F11 => "ECU list, MOST",
        0x3F12 => "ECU list, FA-CAN",
        0x3F13 => "ECU list, FlexRay",
        0x3F15 => "ECU list, UDS",
        0x3F17 | 0x3F24 => "ECU list, Ethernet",
        0x3F19 => "VCM identifier",
        0x3F1A => "SVT version",
        0x3F1C => "vehicle order, part 1",
        0x3F1D => "vehicle order, part 2",
        _ => "ECU list, filtered",
    }
}

/// Returns what a routine does.
pub(super) const fn routine(number: u16) -> Option<&'static str> {
    Some(match number {
        0x0201 => "list by bus",
        0x0202 => "checkMemory",
        0x0203 => "checkProgrammingPreCondition",
        0x0204 => "software programming status",
        0x0205 => "software development information",
        0x0206 => "checkProgrammingPower",
        0x0207 => "generate SVT",
        0x020B..=0x0232 | 0x0234 => "control unit exchange, authentication",
        0x0233 => "get parameter N11",
        0x0303 => "loop-back",
        0x0304 => "DTC lock",
        0x0305 => "central fault memory lock",
        0x0F01 => "coding checksum",
        0x0F06 => "clear secondary fault memory",
        0x0F0B => "execute diagnostic service",
        0x0F0C => "energy mode",
        0x0F1F => "enabling codes",
        0x1001 => "set vehicle condition",
        0x1002 => "individual data rescue",
        0x1003 => "set operating mode",
        0x1007 => "read master VIN",
        0x1008 => "default registry",
        0x100A => "tester assistant",
        0x100D => "activate coding mode",
        0x100E => "activate programming mode",
        0x100F => "activate application mode",
        0x1011 => "get actual configuration",
        0x1024 => "reset activation line",
        0x1044 => "reset Ethernet switch",
        0x1042..=0x104E => "Ethernet tables and tests",
        0x4000 => "central fault memory",
        0x4001 => "application routing",
        0x4004 => "keep buses awake",
        0x7000 => "process application data",
        0x7E10 => "align DME",
        0x7E11 => "align EGS",
        0x7E12 => "learn key",
        0x7E13 => "lock",
        0x7E14 => "return to delivery state",
        0x7E20 => "particle filter regeneration",
        0xF001 => "static camera calibration",
        0xF030 => "adaptation reset, battery registration",
        0xFF00 => "eraseMemory",
        0xFF01 => "checkProgrammingDependencies",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists every name with the numbers it stands for, neighbours joined.
    fn table(name: fn(u16) -> Option<&'static str>) -> String {
        let named = (0..=u16::MAX).filter_map(|number| Some((number, name(number)?)));
        let mut rows: Vec<(u16, u16, &str)> = Vec::new();
        for (number, name) in named {
            match rows.last_mut() {
                Some((_, last, same)) if *last + 1 == number && *same == name => *last = number,
                _ => rows.push((number, number, name)),
            }
        }
        rows.iter().map(|(first, last, name)| format!("{first:04X}..{last:04X} {name}\n")).collect()
    }

    #[test]
    fn every_identifier_with_a_name() {
        insta::assert_snapshot!(table(did));
    }

    #[test]
    fn every_routine_with_a_name() {
        insta::assert_snapshot!(table(routine));
    }
}
