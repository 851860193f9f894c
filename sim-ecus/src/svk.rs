//! The SVK (F101): what hardware and software a control unit says it has
//! (`uds-and-bmw-ecus.md` §5).

use crate::software::SgbmId;
use crate::unit::Unit;

/// Version of the layout.
const LAYOUT: u8 = 0x01;

impl Unit {
    /// Returns the content of F101.
    pub(crate) fn svk(&self) -> Vec<u8> {
        let entries = self.svk_entries();
        let count = u16::try_from(entries.len()).unwrap_or(u16::MAX);
        let mut svk = vec![LAYOUT, self.software.prog_dep_checked()];
        svk.extend_from_slice(&count.to_be_bytes());
        svk.extend_from_slice(&self.fingerprint);
        svk.extend(entries.into_iter().flat_map(SgbmId::to_bytes));
        svk
    }

    /// Hardware, bootloader, software in the order of addresses, coding data.
    fn svk_entries(&self) -> Vec<SgbmId> {
        let mut entries = self.profile.hardware.clone();
        for area in self.memory.areas() {
            let held = self.memory.software(area);
            let told = if self.sabotage.wrong_versions {
                held.map(|_| self.memory.block(area).software)
            } else {
                held
            };
            entries.extend(told);
        }
        entries.push(self.coding.software(&self.profile.coding));
        entries
    }
}
