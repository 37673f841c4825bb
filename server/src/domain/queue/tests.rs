//! What settings and calendars mean.

mod calendar;
mod settings;
