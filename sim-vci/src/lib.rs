//! Is what is plugged into the car: an ENET cable or an ICOM Next.
