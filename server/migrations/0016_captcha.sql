-- The captcha that suspicious attempts to pay have to solve, as JSON, and its secret key, encrypted.
alter table projects add column captcha text;
alter table projects add column captcha_secret text;
