//! The places that have a queue.

/// A machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// A place that a datagram passes on its way, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hop {
    /// The access link of a node, for all that leaves it.
    Uplink(NodeId),
    /// From one node to another.
    Link(NodeId, NodeId),
    /// The access link of a node, for all that enters it.
    Downlink(NodeId),
}
