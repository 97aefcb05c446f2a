//! Links, queues and loss as pure arithmetic, seeded, in virtual time
