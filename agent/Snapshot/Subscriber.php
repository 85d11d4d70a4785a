<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;

/**
 * A subscriber of the newsletter.
 */
class Subscriber implements SnapshotInterface
{
    private const FIELDS = [
        'subscriber_id',
        'customer_id',
        'store_id',
        'subscriber_email',
        'subscriber_status',
        'subscriber_confirm_code',
        'change_status_at',
    ];

    /**
     * @var Fields
     */
    private $fields;

    /**
     * @param Fields $fields
     */
    public function __construct(Fields $fields)
    {
        $this->fields = $fields;
    }

    /**
     * @inheritdoc
     */
    public function storeId(DataObject $object): ?int
    {
        return $this->fields->storeIdOf($object);
    }

    /**
     * Takes the snapshot of a subscriber.
     *
     * @param DataObject|\Magento\Newsletter\Model\Subscriber $object
     * @param array $stored
     * @return Snapshot|null
     */
    public function of(DataObject $object, array $stored = []): ?Snapshot
    {
        return new Snapshot('subscriber/' . $object->getId(), $this->fields->of($object, self::FIELDS, $stored) + [
            'unsubscription_link' => $object->getUnsubscriptionLink(),
        ]);
    }
}
