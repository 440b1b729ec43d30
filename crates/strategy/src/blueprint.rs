//! A strategy as it can be had, wherever it comes from: built into the program or written in a rule file.

use crate::parameters::{ParameterProblem, Parameters, Schema};
use crate::registry::{Descriptor, StrategyError, find};
use crate::{Strategy, all};
use model::{InstrumentIx, Timeframe};
use std::fmt;
use std::sync::Arc;
use units::Digest;

/// What there is to know of a strategy before it is built.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    /// Its name, as in `--strategy name`.
    pub name: String,
    /// What it does, in one sentence.
    pub summary: String,
    /// How it decides, in a paragraph.
    pub description: String,
    /// What can be set.
    pub parameters: Schema,
    /// Whether it closes its positions itself; otherwise the house target of the risk section applies.
    pub manages_exits: bool,
    /// Whether its positions need no protective stop, because it limits what it holds in another way.
    pub is_exempt_from_stop: bool,
    /// Why it does things: the texts behind its tags.
    pub tags: Vec<String>,
    /// The fingerprint of the text it was made from, for the manifest of a run; `None` for what is part of the program, whose
    /// version says it all.
    pub content: Option<Digest>,
    /// That text, where there is one.
    pub source: Option<Arc<str>>,
}

impl From<&Descriptor> for About {
    fn from(descriptor: &Descriptor) -> Self {
        Self {
            name: descriptor.name.to_owned(),
            summary: descriptor.summary.to_owned(),
            description: descriptor.description.to_owned(),
            parameters: descriptor.parameters.into(),
            manages_exits: descriptor.manages_exits,
            is_exempt_from_stop: descriptor.is_exempt_from_stop,
            tags: descriptor.tags.iter().map(ToString::to_string).collect(),
            content: None,
            source: None,
        }
    }
}

/// How a strategy is made out of parameters.
pub trait Recipe: fmt::Debug + Send + Sync {
    /// What parameters must fulfil together.
    ///
    /// # Errors
    /// Every parameter at fault and what is allowed.
    fn check(&self, parameters: &Parameters) -> Result<(), Vec<ParameterProblem>>;

    /// Builds one for the given instruments. Only called with parameters that passed [`Recipe::check`].
    ///
    /// # Errors
    /// Every parameter that it cannot be built with.
    fn build(
        &self,
        parameters: &Parameters,
        instruments: &[InstrumentIx],
    ) -> Result<Box<dyn Strategy>, Vec<ParameterProblem>>;
}

impl Recipe for &'static Descriptor {
    fn check(&self, parameters: &Parameters) -> Result<(), Vec<ParameterProblem>> {
        (self.check)(parameters).map_err(|problem| vec![problem])
    }

    fn build(
        &self,
        parameters: &Parameters,
        instruments: &[InstrumentIx],
    ) -> Result<Box<dyn Strategy>, Vec<ParameterProblem>> {
        (self.build)(parameters, instruments).map_err(|problem| vec![problem])
    }
}

/// A strategy that can be had: what it is, and how it is made. Copies are cheap.
#[derive(Debug, Clone)]
pub struct Blueprint {
    about: Arc<About>,
    recipe: Arc<dyn Recipe>,
}

impl From<&'static Descriptor> for Blueprint {
    fn from(descriptor: &'static Descriptor) -> Self {
        Self::new(About::from(descriptor), descriptor)
    }
}

impl Blueprint {
    /// A strategy made by a recipe.
    #[must_use]
    pub fn new(about: About, recipe: impl Recipe + 'static) -> Self {
        Self { about: Arc::new(about), recipe: Arc::new(recipe) }
    }

    /// The strategy of that name that is part of the program.
    ///
    /// # Errors
    /// [`StrategyError::Unknown`] with the nearest name.
    pub fn built_in(name: &str) -> Result<Self, StrategyError> {
        find(name).map(Self::from)
    }

    /// Every strategy that is part of the program.
    pub fn all_built_in() -> impl Iterator<Item = Self> {
        all().iter().copied().map(Self::from)
    }

    /// What it is.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// Checks what was given for its parameters, each by itself and all together.
    ///
    /// # Errors
    /// [`StrategyError::Parameters`] with every problem at once.
    pub fn resolve<'t>(
        &self,
        given: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Result<Parameters, StrategyError> {
        let parameters = Parameters::resolve(&self.about.parameters, given).map_err(|p| self.wrong(p))?;
        self.recipe.check(&parameters).map_err(|p| self.wrong(p))?;
        Ok(parameters)
    }

    /// A strategy ready to decide on candles of this length of `instruments`, and its parameters as they were resolved.
    ///
    /// # Errors
    /// [`StrategyError`] for any wrong parameter, all at once, or for candles that it cannot decide on.
    pub fn build<'t>(
        &self,
        given: impl IntoIterator<Item = (&'t str, &'t str)>,
        instruments: &[InstrumentIx],
        timeframe: Timeframe,
    ) -> Result<(Box<dyn Strategy>, Parameters), StrategyError> {
        let parameters = self.resolve(given)?;
        let mut built = self.recipe.build(&parameters, instruments).map_err(|p| self.wrong(p))?;
        built.take_timeframe(timeframe).map_err(|problem| StrategyError::Timeframe {
            name: self.about.name.clone(),
            timeframe,
            problem,
        })?;
        Ok((built, parameters))
    }

    fn wrong(&self, problems: Vec<ParameterProblem>) -> StrategyError {
        StrategyError::Parameters { name: self.about.name.clone(), problems }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::{ParameterSpec, SpecKind};

    /// A recipe that knows its words only at run time, and candles of a minute alone.
    #[derive(Debug)]
    struct Borrowed(Blueprint);

    impl Recipe for Borrowed {
        fn check(&self, parameters: &Parameters) -> Result<(), Vec<ParameterProblem>> {
            let problem = |problem: String| vec![ParameterProblem { name: "mood".to_owned(), problem }];
            match parameters.choice("mood") {
                "sad" => Err(problem("\"sad\" does not trade".to_owned())),
                _ => Ok(()),
            }
        }

        fn build(
            &self,
            _: &Parameters,
            instruments: &[InstrumentIx],
        ) -> Result<Box<dyn Strategy>, Vec<ParameterProblem>> {
            let built = self.0.build([], instruments, Timeframe::MINUTE);
            built.map(|(strategy, _)| strategy).map_err(|e| match e {
                StrategyError::Parameters { problems, .. } => problems,
                StrategyError::Unknown { .. } | StrategyError::Timeframe { .. } => Vec::new(),
            })
        }
    }

    #[test]
    fn a_strategy_may_come_from_anywhere() {
        let moods: Vec<String> = ["glad", "sad"].map(str::to_owned).to_vec();
        let kind = SpecKind::Choice { default: moods[0].clone(), allowed: moods };
        let mood = ParameterSpec { name: "mood".to_owned(), kind, description: "How it feels".to_owned() };
        let ema = Blueprint::built_in("ema_crossover").unwrap();
        let about = About { name: "moody".to_owned(), parameters: vec![mood].into(), ..ema.about().clone() };
        let moody = Blueprint::new(about, Borrowed(ema));
        let build = |given: &[(&str, &str)]| {
            let built = moody.build(given.iter().copied(), &[InstrumentIx(0)], Timeframe::HOUR);
            built.map(|(_, parameters)| parameters.choice("mood").to_owned()).map_err(|e| e.to_string())
        };
        assert_eq!(build(&[]), Ok("glad".to_owned()));
        assert_eq!(
            build(&[("mood", "sad")]).unwrap_err(),
            "strategy moody: parameter mood: \"sad\" does not trade"
        );
        assert_eq!(
            build(&[("mod", "glad")]).unwrap_err(),
            "strategy moody: parameter mod: unknown; did you mean \"mood\"? Known: mood"
        );
    }

    #[test]
    fn candles_that_do_not_fit_are_refused_by_name() {
        let error = StrategyError::Timeframe {
            name: "x".to_owned(),
            timeframe: Timeframe::HOUR,
            problem: "1h is not longer".to_owned(),
        };
        assert_eq!(error.to_string(), "strategy x on candles of 1h: 1h is not longer");
    }
}
