-- Pins the file of a published revision, so that no rule of retention removes it, or leaves it to the rules again. The
-- same again changes nothing: who pinned it first stays. What has been pruned cannot be pinned.
create function mvm.pin_product(product text, revision integer, pinned_by text)
returns boolean
language sql volatile parallel unsafe
begin atomic
  with changed as (
    update mvm.product as p
    set pinned_by = pin_product.pinned_by,
      pinned_at = case when pin_product.pinned_by is null then null else now() end
    where p.product = pin_product.product
      and p.revision = pin_product.revision
      and p.state <> 'staged'
      and p.file_state <> 'pruned'
      and (p.pinned_by is null) <> (pin_product.pinned_by is null)
    returning p.product_id
  )
  select exists (select from changed);
end;

comment on function mvm.pin_product is
  'Pins the file of a revision, or with null for pinned_by leaves it to the rules again; false when nothing changed';
