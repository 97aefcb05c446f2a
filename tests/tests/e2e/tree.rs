//! What an assistive program sees of a window: names and places, over the bus of AT-SPI.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use tokio::runtime::Runtime;
use zbus::proxy::CacheProperties;
use zbus::zvariant::OwnedObjectPath;
use zbus::{Connection, MatchRule, MessageStream, Proxy};

/// Controls of one window that are looked at.
const NODES: usize = 600;
/// How long a change is waited for before everything is looked at again.
const PATIENCE: Duration = Duration::from_millis(300);

const REGISTRY: &str = "org.a11y.atspi.Registry";
const ROOT: &str = "/org/a11y/atspi/accessible/root";
const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";
const COMPONENT: &str = "org.a11y.atspi.Component";
/// The role of words that name something else (AtspiRole).
const LABEL: u32 = 29;
/// What can be typed into, and what is typed into now (AtspiStateType).
const EDITABLE: u32 = 7;
const FOCUSED: u32 = 12;
/// Places are asked for in the coordinates of the screen.
const ON_SCREEN: u32 = 0;

/// One thing in a window.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is called.
    pub name: String,
    /// Whether it is only to be read.
    pub is_label: bool,
    /// Left, top, width, height on the screen; all 0 for what has no place.
    pub extents: (i32, i32, i32, i32),
    reference: Reference,
}

/// The trees of all windows of one desktop.
pub struct Tree {
    runtime: Runtime,
    bus: Connection,
}

impl Tree {
    /// Begins to look, which makes programs tell what they show.
    pub fn open(session: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let bus =
            runtime.block_on(connect(session)).context("the bus of assistive programs; is at-spi2-core there?")?;
        Ok(Self { runtime, bus })
    }

    /// Everything that is shown now, in the order of the trees. What goes away meanwhile is left out.
    pub fn nodes(&self) -> Result<Vec<Node>> {
        self.runtime.block_on(nodes(&self.bus))
    }

    /// Whether what is typed would not go into this, though it could.
    pub fn awaits_focus(&self, node: &Node) -> Result<bool> {
        let (program, path) = &node.reference;
        let states = self.runtime.block_on(async {
            let accessible = proxy(&self.bus, program, path, ACCESSIBLE).await?;
            anyhow::Ok(accessible.call::<_, _, Vec<u32>>("GetState", &()).await.unwrap_or_default())
        })?;
        let has = |state: u32| states.first().is_some_and(|states| states & (1 << state) != 0);
        Ok(has(EDITABLE) && !has(FOCUSED))
    }

    /// Waits until some program tells of a change, for a moment at most.
    pub fn wait_for_change(&self) -> Result<()> {
        self.runtime.block_on(async {
            let rule = MatchRule::builder().msg_type(zbus::message::Type::Signal).build();
            let mut changes = MessageStream::for_match_rule(rule, &self.bus, Some(64)).await?;
            drop(tokio::time::timeout(PATIENCE, changes.next()).await);
            Ok(())
        })
    }
}

async fn connect(session: &str) -> Result<Connection> {
    let session = zbus::connection::Builder::address(session)?.build().await?;
    let launcher = Proxy::new(&session, "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus").await?;
    let address: String = launcher.call("GetAddress", &()).await?;
    let status = Proxy::new(&session, "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Status").await?;
    status.set_property("IsEnabled", true).await?;
    Ok(zbus::connection::Builder::address(address.as_str())?.build().await?)
}

type Reference = (String, OwnedObjectPath);

async fn nodes(bus: &Connection) -> Result<Vec<Node>> {
    let root: Reference = (REGISTRY.to_owned(), OwnedObjectPath::try_from(ROOT)?);
    let mut waiting = VecDeque::from([root]);
    let mut found = Vec::new();
    while let Some((program, path)) = waiting.pop_front() {
        if found.len() >= NODES {
            break;
        }
        let accessible = proxy(bus, &program, &path, ACCESSIBLE).await?;
        let Ok(name) = accessible.get_property::<String>("Name").await else { continue };
        let component = proxy(bus, &program, &path, COMPONENT).await?;
        let extents = component.call("GetExtents", &(ON_SCREEN)).await.unwrap_or_default();
        let role: u32 = accessible.call("GetRole", &()).await.unwrap_or_default();
        found.push(Node { name, is_label: role == LABEL, extents, reference: (program.clone(), path.clone()) });
        let children: Vec<Reference> = accessible.call("GetChildren", &()).await.unwrap_or_default();
        waiting.extend(children);
    }
    Ok(found)
}

/// Nothing is kept of what was asked: the next look is to see what is there then.
async fn proxy<'a>(
    bus: &Connection,
    program: &'a str,
    path: &'a OwnedObjectPath,
    interface: &'static str,
) -> Result<Proxy<'a>> {
    let builder = zbus::proxy::Builder::new(bus).destination(program)?.path(path.as_ref())?.interface(interface)?;
    Ok(builder.cache_properties(CacheProperties::No).build().await?)
}
