<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Fence;

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
     * @var Fence
     */
    private $fence;

    /**
     * @param Fields $fields
     * @param Fence $fence
     */
    public function __construct(Fields $fields, Fence $fence)
    {
        $this->fields = $fields;
        $this->fence = $fence;
    }

    /**
     * @inheritdoc
     */
    public function storeId(DataObject $object): ?int
    {
        return $this->fields->storeIdOf($object);
    }

    /**
     * Takes the snapshot of a subscriber; if Magento cannot create the link, as without a version of the static files, it
     * is null.
     *
     * @param DataObject|\Magento\Newsletter\Model\Subscriber $object
     * @param array $stored
     * @return Snapshot|null
     */
    public function of(DataObject $object, array $stored = []): ?Snapshot
    {
        $link = null;
        $this->fence->run('reading the unsubscription link', function () use ($object, &$link): void {
            $link = $object->getUnsubscriptionLink();
        });

        return new Snapshot('subscriber/' . $object->getId(), $this->fields->of($object, self::FIELDS, $stored) + [
            'unsubscription_link' => $link,
        ]);
    }
}
