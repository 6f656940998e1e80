//! One group while it is judged: what more than one control looks at, made when first asked for.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::exposure::Exposure;
use super::judge::{Scene, Violation, judge};
use super::measured::Sight;
use super::names::allowed_out;
use super::piece::{Assume, Piece};
use super::scope::{Bearing, bears_on, environment_of};
use super::view::GroupView;
use super::{Evaluator, only_measures};
use crate::model::{Direction, SecurityGroup};
use crate::policy::{Control, Settings, TrafficRule};

/// One group while it is judged.
pub(super) struct Subject<'a> {
    evaluator: &'a Evaluator<'a>,
    /// Its place in the inventory.
    pub(super) index: usize,
    pub(super) group: &'a SecurityGroup,
    /// Its environment, where that matters to any control.
    environment: Option<Cow<'a, str>>,
    /// What a look at the rules of each direction tells.
    pub(super) sights: [Sight; 2],
    view: OnceCell<GroupView<'a>>,
    exposures: RefCell<Vec<KnownExposure>>,
}

/// Settings are known by where they are: controls of one file share them.
type KnownExposure = (Direction, *const Settings, Assume, Rc<Exposure>);

impl<'a> Subject<'a> {
    pub(super) fn new(evaluator: &'a Evaluator<'a>, index: usize, group: &'a SecurityGroup) -> Self {
        let Evaluator { unusual, by_environment, screen, policies, .. } = evaluator;
        // To the groups of a VPC with public addresses of its own the internet is something else.
        let usual = unusual.is_empty() || !unusual.contains(&*group.vpc_id);
        Self {
            evaluator,
            index,
            group,
            environment: if *by_environment { environment_of(group, policies) } else { None },
            sights: if usual { screen.look(group) } else { [Sight::Other; 2] },
            view: OnceCell::new(),
            exposures: RefCell::default(),
        }
    }

    /// Whether and why a control bears on the group.
    pub(super) fn bearing(&self, control: &Control) -> Option<Bearing> {
        bears_on(&control.scope, self.group, self.environment.as_deref())
    }

    /// Hands over where a control is violated and what it was judged on; nothing where it is not violated.
    pub(super) fn violated<R>(
        &self,
        control: &Control,
        rule: &TrafficRule,
        assume: Assume,
        then: impl FnOnce(&[Violation<'_>], &Scene<'_>) -> R,
    ) -> Option<R> {
        let Evaluator { inventory, names, .. } = self.evaluator;
        let view = self.view.get_or_init(|| GroupView::new(self.group, inventory));
        let (public, settings) = (view.public.set(), control.settings.as_ref());
        let (pieces, exposure): (Cow<'_, [Piece<'_>]>, _);
        if control.allowed.is_empty() {
            let own = view.pieces_of(rule.direction);
            // All is known: against the group there is no more than for it.
            let known = assume == Assume::Worst && only_measures(rule) && !own.iter().any(Piece::is_unresolved);
            if known || own.is_empty() {
                return None;
            }
            (pieces, exposure) = (Cow::Borrowed(own), self.exposure(view, rule.direction, &control.settings, assume));
        } else {
            let environment = self.environment.as_deref();
            let left = allowed_out(control, rule.direction, view, inventory, names, environment, assume);
            exposure = Rc::new(Exposure::of(&left, public, settings, assume));
            pieces = Cow::Owned(left);
        }
        if exposure.is_empty() && only_measures(rule) {
            return None;
        }
        let scene = Scene { pieces: &pieces, public, inventory, settings, assume };
        let violations = judge(rule, &scene, &exposure);
        (!violations.is_empty()).then(|| then(&violations, &scene))
    }

    /// The exposure of all that a direction admits; many controls share it.
    fn exposure(
        &self,
        view: &GroupView<'_>,
        direction: Direction,
        settings: &Arc<Settings>,
        assume: Assume,
    ) -> Rc<Exposure> {
        let mut exposures = self.exposures.borrow_mut();
        let address = Arc::as_ptr(settings);
        let same = |known: &&KnownExposure| (known.0, known.1, known.2) == (direction, address, assume);
        if let Some((.., known)) = exposures.iter().find(same) {
            return Rc::clone(known);
        }
        let made = Rc::new(Exposure::of(view.pieces_of(direction), view.public.set(), settings, assume));
        exposures.push((direction, address, assume, Rc::clone(&made)));
        made
    }
}
