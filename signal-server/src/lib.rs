//! Rooms, the native gateway and the guest page
