//! Data identifiers: reading, writing, control (`uds-and-bmw-ecus.md` §2.7, §4).

use bytes::Bytes;
use node::Instant;
use wire::uds::{Did, Nrc, Session};

use crate::engine::Work;
use crate::flash::PROGRAMMING_LEVEL;
use crate::ledger::LedgerKind;
use crate::unit::{Mode, Unit};

/// Data identifiers one request may name.
const DIDS_MAX: usize = 4;
/// Bytes of an answer beyond which it is too long.
const ANSWER_MAX: usize = 4095;
/// System time at the beginning of a run, in seconds.
const TIME_BASE: u32 = 0x07C2_751F;
/// Odometer, in kilometres; nothing drives here.
const KILOMETRES: u32 = 48_231;

/// Data identifiers the code knows.
mod did {
    pub(super) const CAMERA_MONO: u16 = 0xD3DB;
    pub(super) const CAMERA_STEREO: u16 = 0xD3DC;
    pub(super) const CAMERA_COUNTERS: u16 = 0x4050;
    pub(super) const CAMERA_CONTROL: u16 = 0xD3BD;
    pub(super) const TERMINAL_15: u16 = 0xDAD2;
    pub(super) const BATTERY: u16 = 0x402B;
    pub(super) const LOCK_STATUS: u16 = 0x7E00;
    pub(super) const PAIRING_ID: u16 = 0x7E01;
    pub(super) const ENERGY_MODE: u16 = 0x100A;
    pub(super) const EXTENDED_MODE: u16 = 0x100E;
    pub(super) const SVK: u16 = 0xF101;
    pub(super) const FULL_SESSION: u16 = 0xF100;
    /// Every bootloader answers these from its profile, beside F1xx and 25xx.
    pub(super) const TEST_STAMP: u16 = 0x1000;
    pub(super) const SUPPLY: u16 = 0x170C;
}

impl Unit {
    /// `22` ReadDataByIdentifier, up to four at once.
    pub(crate) fn read_data(&mut self, now: Instant, data: &Bytes) -> Result<Work, Nrc> {
        let (dids, rest) = data[1..].as_chunks::<2>();
        if !rest.is_empty() || dids.len() > DIDS_MAX {
            return Err(Nrc::IncorrectLength);
        }
        let mut answer = vec![0x62];
        for bytes in dids {
            let did = Did::from_bytes(*bytes);
            if let Some(content) = self.read(now, did.0) {
                answer.extend_from_slice(bytes);
                answer.extend_from_slice(&content);
            }
        }
        match answer.len() {
            1 => Err(Nrc::RequestOutOfRange),
            length if length > ANSWER_MAX => Err(Nrc::ResponseTooLong),
            _ => Ok(Work::answer(answer)),
        }
    }

    /// Returns what a data identifier holds, `None` when it is not known to what runs.
    pub(crate) fn read(&self, now: Instant, did: u16) -> Option<Vec<u8>> {
        if let Some(content) = self.read_common(did) {
            return Some(content);
        }
        if self.mode == Mode::Bootloader && !self.is_known_to_bootloader(did) {
            return None;
        }
        if let Some(content) = self.coding.read(&self.profile.coding, did) {
            return Some(content);
        }
        if let Some(content) = self.definitions.read(self, now, did) {
            return Some(content);
        }
        self.read_live(now, did).or_else(|| self.read_kept(did))
    }

    /// What application and bootloader answer alike.
    fn read_common(&self, did: u16) -> Option<Vec<u8>> {
        Some(match did {
            did::SVK => self.svk(),
            did::FULL_SESSION => {
                vec![self.session.0, 0x81, 0x00, u8::from(self.lock.is_unlocked())]
            }
            0xF186 => std::iter::once(self.session.0).chain(self.profile.session_detail).collect(),
            0xF190 => self.vin.to_vec(),
            did::ENERGY_MODE => vec![self.energy_mode],
            did::SUPPLY => {
                u16::try_from(self.millivolts).unwrap_or(u16::MAX).to_be_bytes().to_vec()
            }
            0x2501 => self.profile.data.get(&did).cloned().unwrap_or_else(|| self.segmentation()),
            0x2502 => self.programmings.to_be_bytes().to_vec(),
            0x2504 => self.profile.data.get(&did).cloned().unwrap_or_else(|| self.flash_times()),
            0x2505 => self.profile.flash.max_block_length.to_be_bytes().to_vec(),
            _ => return None,
        })
    }

    fn is_known_to_bootloader(&self, did: u16) -> bool {
        matches!(did, 0xF100..=0xF1FF | 0x2500..=0x25FF | did::TEST_STAMP | 0x37FE)
            || self.profile.bootloader_data.contains(&did)
    }

    /// What the application measures or counts.
    fn read_live(&self, now: Instant, did: u16) -> Option<Vec<u8>> {
        Some(match did {
            0x1700 => self.kilometres().to_be_bytes()[1..].to_vec(),
            0x1701 => self.system_time(now).to_be_bytes().to_vec(),
            0x2000..=0x20FF => self.read_info(did.to_be_bytes()[1])?,
            did::EXTENDED_MODE => vec![self.extended_mode],
            did::LOCK_STATUS if self.profile.paired => self.pairing.status(now).to_vec(),
            did::PAIRING_ID if self.profile.paired => self.pairing.id().to_vec(),
            did::TERMINAL_15 if self.profile.data.contains_key(&did) => {
                let tenths = i16::try_from(self.millivolts / 100).unwrap_or(i16::MAX);
                tenths.to_be_bytes().to_vec()
            }
            did::BATTERY if self.profile.data.contains_key(&did) => {
                let millivolts = u16::try_from(self.millivolts).unwrap_or(u16::MAX);
                [millivolts.to_be_bytes(), self.registrations.to_be_bytes()].concat()
            }
            did::CAMERA_MONO | did::CAMERA_STEREO | did::CAMERA_COUNTERS
                if self.profile.data.contains_key(&did) =>
            {
                self.camera_status(now, did)
            }
            _ => return self.read_learned(did),
        })
    }

    fn read_learned(&self, did: u16) -> Option<Vec<u8>> {
        let value = self.profile.learned.as_ref()?.values.get(&did)?;
        Some(if self.learned_forgotten { vec![0xFF; value.len()] } else { value.clone() })
    }

    fn read_kept(&self, did: u16) -> Option<Vec<u8>> {
        self.written.get(&did).or_else(|| self.profile.data.get(&did)).cloned()
    }

    /// Angles and qualities of a calibrated camera are 0.25° and 100 %.
    fn camera_status(&self, now: Instant, did: u16) -> Vec<u8> {
        let (angle, quality): (f32, f32) =
            if self.camera.is_calibrated(now) { (0.25, 100.0) } else { (0.0, 0.0) };
        let floats =
            [angle, angle, angle, quality, quality, quality].map(f32::to_be_bytes).concat();
        let km = &self.kilometres().to_be_bytes()[1..];
        match did {
            did::CAMERA_MONO => [&[self.camera.mono_state(now)], &floats[..], km].concat(),
            did::CAMERA_STEREO => {
                [&[self.camera.stereo_state(now)], &floats[..], &[0x2D, 0x00]].concat()
            }
            _ => {
                let metres = u32::try_from(self.camera.metres(now)).unwrap_or(u32::MAX);
                metres.to_be_bytes().to_vec()
            }
        }
    }

    /// `44`, count, then address, size and number of each area.
    fn segmentation(&self) -> Vec<u8> {
        let areas = self.memory.areas().skip(1);
        let count = u16::try_from(areas.len()).unwrap_or(u16::MAX);
        let mut content = vec![0x44];
        content.extend_from_slice(&count.to_be_bytes());
        for area in areas {
            let block = self.memory.block(area);
            content.extend_from_slice(&block.address.to_be_bytes());
            content.extend_from_slice(&block.size.to_be_bytes());
            content.extend_from_slice(&[0x00, 0x01]);
        }
        content
    }

    /// Five or six words of seconds.
    fn flash_times(&self) -> Vec<u8> {
        let timing = &self.profile.timing;
        let words =
            [timing.erase, timing.check, timing.install, timing.authentication, timing.reset];
        let words = words.into_iter().chain(timing.sixth);
        words
            .flat_map(|time| u16::try_from(time.as_secs()).unwrap_or(u16::MAX).to_be_bytes())
            .collect()
    }

    pub(crate) fn kilometres(&self) -> u32 {
        KILOMETRES
    }

    /// Returns the vehicle's clock, in seconds.
    pub(crate) fn system_time(&self, now: Instant) -> u32 {
        let secs = now.as_nanos() / 1_000_000_000;
        TIME_BASE.saturating_add(u32::try_from(secs).unwrap_or(u32::MAX))
    }

    /// `2E` WriteDataByIdentifier.
    pub(crate) fn write_data(&mut self, now: Instant, data: &Bytes) -> Result<Work, Nrc> {
        let did = u16::from_be_bytes([data[1], data[2]]);
        let content = &data[3..];
        match (self.mode, Did(did)) {
            (Mode::Bootloader, Did::FINGERPRINT) => self.write_fingerprint(content)?,
            (_, Did::VIN) => self.write_vin(content)?,
            (Mode::Bootloader, _) => return Err(Nrc::RequestOutOfRange),
            (Mode::Application, _) => {
                if let Some(written) = self.write_in_application(now, did, content)? {
                    return Ok(written);
                }
            }
        }
        self.record(now, LedgerKind::DataWritten { did });
        Ok(written(did))
    }

    /// Returns the answer when the write told the ledger itself.
    fn write_in_application(
        &mut self,
        now: Instant,
        did: u16,
        content: &[u8],
    ) -> Result<Option<Work>, Nrc> {
        if self.session == Session::CODING {
            let coded = self.write_coding(now, did, content).ok_or(Nrc::RequestOutOfRange)?;
            return coded.map(|()| Some(written(did)));
        }
        if self.coding.read(&self.profile.coding, did).is_some() {
            return Err(Nrc::ServiceNotSupportedInActiveSession);
        }
        if self.profile.learned.as_ref().is_some_and(|learned| learned.reset == did) {
            return match content {
                [0x00] => {
                    self.learned_forgotten = true;
                    Ok(None)
                }
                [_] => Err(Nrc::RequestOutOfRange),
                [..] => Err(Nrc::IncorrectLength),
            };
        }
        if !self.profile.writable.contains(&did) {
            return Err(Nrc::RequestOutOfRange);
        }
        let length = self.read_kept(did).map_or(content.len(), |kept| kept.len());
        if content.len() != length {
            return Err(Nrc::IncorrectLength);
        }
        if did == did::CAMERA_CONTROL && content == [0x01] {
            self.camera.begin_drive(now);
        }
        self.written.insert(did, content.to_vec());
        Ok(None)
    }

    /// F15A: who programs; becomes the head of the SVK.
    fn write_fingerprint(&mut self, content: &[u8]) -> Result<(), Nrc> {
        if content.len() != self.profile.fingerprint.len() {
            return Err(Nrc::IncorrectLength);
        }
        if self.session != Session::PROGRAMMING {
            return Err(Nrc::RequestOutOfRange);
        }
        self.lock.require(PROGRAMMING_LEVEL)?;
        self.fingerprint = content.to_vec();
        Ok(())
    }

    /// F190, unless the unit belongs to another vehicle.
    fn write_vin(&mut self, content: &[u8]) -> Result<(), Nrc> {
        let vin: [u8; 17] = content.try_into().map_err(|_| Nrc::IncorrectLength)?;
        let is_blank = vin.iter().all(|byte| *byte == 0xFF);
        if !is_blank && !vin.iter().all(u8::is_ascii_alphanumeric) {
            return Err(Nrc::RequestOutOfRange);
        }
        if self.mode == Mode::Bootloader {
            self.lock.require(PROGRAMMING_LEVEL)?;
        }
        if self.profile.paired && self.pairing.is_locked_elsewhere() {
            return Err(Nrc::ConditionsNotCorrect);
        }
        self.vin = vin;
        Ok(())
    }

    /// `2F` InputOutputControlByIdentifier: 00 return, 01 default, 02 freeze, 03 adjust.
    pub(crate) fn input_output_control(&mut self, data: &Bytes) -> Result<Work, Nrc> {
        let did = u16::from_be_bytes([data[1], data[2]]);
        let parameter = data[3];
        if !self.profile.controllable.contains(&did) || parameter > 0x03 {
            return Err(Nrc::RequestOutOfRange);
        }
        if (parameter == 0x03) != (data.len() > 4) {
            return Err(Nrc::IncorrectLength);
        }
        if parameter == 0x00 {
            self.controlled.remove(&did);
        } else {
            self.controlled.insert(did);
        }
        let mut answer = vec![0x6F, data[1], data[2]];
        answer.extend_from_slice(&data[3..]);
        Ok(Work::answer(answer))
    }
}

fn written(did: u16) -> Work {
    let [high, low] = did.to_be_bytes();
    Work::answer(vec![0x6E, high, low])
}
