-- A shell-like pattern as a pattern of LIKE, lower case: * is any text, ? any one character, all else is itself.
create function mvm.like_of_glob(pattern text)
returns text
language sql immutable strict parallel safe
return translate(regexp_replace(lower(pattern), '([\\%_])', '\\\1', 'g'), '*?', '%_');

comment on function mvm.like_of_glob is 'The pattern of LIKE, in lower case, that means what a pattern with * and ? means';
