//! The hardware address of an adapter that the bridge makes.

use bridge::{OrderNumber, Role};
use sha2::{Digest, Sha256};

/// Returns the address of a role's adapter in an order.
///
/// Whoever takes the role up again, be it on another machine, has the same one: what the other side
/// has learned of it stays true.
pub fn of(order: OrderNumber, role: Role) -> [u8; 6] {
    let name: &[u8] = match role {
        Role::Technician => b"benchcar/technician/",
        Role::Mechanic => b"benchcar/mechanic/",
    };
    let digest = Sha256::new().chain_update(name).chain_update(order.0.to_be_bytes()).finalize();
    let mut mac = [0; 6];
    mac.copy_from_slice(&digest[..6]);
    // Of nobody's making, and one adapter's alone.
    mac[0] = mac[0] & 0xFC | 0x02;
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_of_each_order_has_its_own() {
        let of = |order, role| of(OrderNumber(order), role);
        let here = of(7, Role::Technician);
        assert_eq!(here, of(7, Role::Technician));
        assert!(here != of(7, Role::Mechanic) && here != of(8, Role::Technician));
        assert!((0..100).all(|order| of(order, Role::Mechanic)[0] & 3 == 2));
    }
}
