-- Printed from mvmdb/catalog/models; do not edit.

create table mvm.product_input (
  product_id integer not null,
  context_index integer not null,
  exposure_id integer not null,
  chip smallint not null,
  n_pixels_contributed bigint not null,
  sky_e_per_s_arcsec2 double precision not null,
  sky_group integer not null,
  flux_scale double precision not null,
  constraint product_input_pkey primary key (product_id, context_index),
  constraint product_input_exposure_id_chip_fkey foreign key(exposure_id, chip) references mvm.chip (exposure_id, chip),
  constraint product_input_product_id_exposure_id_chip_key unique (product_id, exposure_id, chip),
  constraint product_input_product_id_fkey foreign key(product_id) references mvm.product (product_id) on delete cascade
);

create index product_input_exposure_id_idx on mvm.product_input (exposure_id);

comment on table mvm.product_input is 'Which chip went into which product, in context-bit order.';
comment on column mvm.product_input.product_id is 'Product the chip went into';
comment on column mvm.product_input.context_index is 'Place in the drizzle order, from 0: bit index %% 32 of context plane index / 32';
comment on column mvm.product_input.exposure_id is 'Revision of the exposure that was used';
comment on column mvm.product_input.chip is 'EXTVER of the chip''s SCI extension';
comment on column mvm.product_input.n_pixels_contributed is 'Pixels of the product that hold light of this chip';
comment on column mvm.product_input.sky_e_per_s_arcsec2 is 'Background subtracted from the chip, after its scaling, e-/s per square arcsecond';
comment on column mvm.product_input.sky_group is 'Group within which the backgrounds were matched, from 1; 0 where nothing was matched';
comment on column mvm.product_input.flux_scale is 'Factor by which the rates of the chip were multiplied';
