// The profile of the Review view: to and from the page's address.

/** Whether an address shows the Review view. */
export const isReviewAddress = (search) => new URLSearchParams(search).get('view') === 'review';

/** The page's address for the review of a profile; null: of the first one. */
export const toReviewAddress = (profile) => `/?${new URLSearchParams(profile ? { view: 'review', profile } : { view: 'review' })}`;

/** The profile of an address, or null. */
export const fromReviewAddress = (search) => new URLSearchParams(search).get('profile');
