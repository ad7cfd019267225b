-- Where a file can be fetched: below the publisher's URL if a web server gives it out, else from the file system.
create function mvm.file_url(file_path text)
returns text
language sql stable strict parallel safe
begin atomic
  select
    case when beginning.is_served then publisher.url_prefix else 'file://' end
    || coalesce(
      string_agg(
        case
          when letter.letter ~ '[A-Za-z0-9/._~-]' then letter.letter
          else upper(regexp_replace(encode(convert_to(letter.letter, 'UTF8'), 'hex'), '(..)', '%\1', 'g'))
        end,
        '' order by letter.place
      ),
      ''
    )
  from mvm.publisher
  cross join lateral (
    select coalesce(starts_with(file_url.file_path, publisher.path_prefix), false) as is_served
  ) as beginning
  left join lateral string_to_table(
    case
      when beginning.is_served then substr(file_url.file_path, length(publisher.path_prefix) + 1)
      else file_url.file_path
    end,
    null
  ) with ordinality as letter (letter, place) on true
  group by beginning.is_served, publisher.url_prefix;
end;

comment on function mvm.file_url is 'URL of a file, by the prefixes in mvm.publisher; file:// where no web server gives it out';
