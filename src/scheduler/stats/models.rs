//! Counters by model. Names come from requests, so how many are kept, and how long each may be, is bounded.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::names::ByStatus;
use crate::codec::usage::Usage;

/// Names that are kept apart, [`NONE`] and [`OTHER`] among them.
pub const MOST: usize = 256;

/// A longer name is hardly a model's.
const LONGEST: usize = 200;

/// What requests without a model are counted under.
pub const NONE: &str = "none";

/// What models beyond [`MOST`] are counted under.
pub const OTHER: &str = "other";

/// A model whose name was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model(u16);

impl Model {
    fn index(self) -> usize {
        self.0.into()
    }
}

/// What is counted of one model.
#[derive(Clone, Default)]
pub struct Counts {
    pub ended: ByStatus,
    /// Tokens, as the limiter charged them.
    pub charged: u64,
    /// Tokens, as answers told.
    pub used: Usage,
}

impl Counts {
    /// Adds what an answer said. The counts are the server's, so they may be anything.
    pub fn use_up(&mut self, usage: &Usage) {
        let used = &mut self.used;
        for (sum, tokens) in [
            (&mut used.prompt_tokens, usage.prompt_tokens),
            (&mut used.completion_tokens, usage.completion_tokens),
            (&mut used.total_tokens, usage.total_tokens),
            (&mut used.cached_tokens, usage.cached_tokens),
            (&mut used.reasoning_tokens, usage.reasoning_tokens),
        ] {
            *sum = sum.saturating_add(tokens);
        }
    }
}

/// The names of all models of one client.
pub struct Models {
    known: HashMap<Arc<str>, Model>,
    names: Vec<Arc<str>>,
    /// The last that was asked for, which mostly is the next.
    last: Model,
}

impl Default for Models {
    fn default() -> Models {
        let mut models = Models {
            known: HashMap::new(),
            names: Vec::new(),
            last: Model(0),
        };
        // A model that has such a name shares its counters, or two lines of the report would have one name.
        models.add(NONE);
        models.add(OTHER);
        models
    }
}

impl Models {
    /// The model of that name.
    pub fn find(&mut self, name: Option<&str>) -> Model {
        let name = name.unwrap_or(NONE);
        if *self.names[self.last.index()] != *name {
            self.last = match self.known.get(name) {
                Some(model) => *model,
                None if self.names.len() < MOST && name.len() <= LONGEST => self.add(name),
                None => self.known[OTHER],
            };
        }
        self.last
    }

    /// Every name in the order in which they came.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.names.clone()
    }

    fn add(&mut self, name: &str) -> Model {
        let model = Model(self.names.len() as u16);
        let name: Arc<str> = name.into();
        self.known.insert(name.clone(), model);
        self.names.push(name);
        model
    }
}

/// The counters of each model, as far as it has any.
#[derive(Clone, Default)]
pub struct Counted(Vec<Counts>);

impl Counted {
    pub fn of(&mut self, model: Model) -> &mut Counts {
        let index = model.index();
        if self.0.len() <= index {
            self.0.resize_with(index + 1, Counts::default);
        }
        &mut self.0[index]
    }

    /// What is counted under each of [`Models::names`]; of the two reserved ones only if it is anything.
    pub fn with<'a>(
        &'a self,
        names: &'a [Arc<str>],
    ) -> impl Iterator<Item = (&'a str, Cow<'a, Counts>)> {
        names.iter().enumerate().filter_map(|(index, name)| {
            let counts = self.0.get(index).map(Cow::Borrowed).unwrap_or_default();
            let counted = counts.charged > 0 || counts.ended.iter().next().is_some();
            (index >= 2 || counted).then_some((&**name, counts))
        })
    }
}
