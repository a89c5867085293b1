-- The captcha that suspicious attempts to pay have to solve, as JSON with an encrypted secret.
alter table projects add column captcha text;
