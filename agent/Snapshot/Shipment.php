<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Snapshot;

use Magento\Framework\DataObject;
use Magento\Sales\Model\ResourceModel\Order\Shipment\Comment\CollectionFactory as CommentCollectionFactory;
use Magento\Sales\Model\ResourceModel\Order\Shipment\Track\CollectionFactory as TrackCollectionFactory;

/**
 * A shipment with its items, and with its tracks and comments from the database.
 */
class Shipment implements SnapshotInterface
{
    private const FIELDS = [
        'entity_id',
        'increment_id',
        'store_id',
        'order_id',
        'total_qty',
        'total_weight',
        'created_at',
        'updated_at',
    ];
    private const TRACK = ['title', 'carrier_code', 'track_number'];
    private const COMMENT = ['comment'];

    /**
     * @var OrderDocument
     */
    private $document;

    /**
     * @var Fields
     */
    private $fields;

    /**
     * @var TrackCollectionFactory
     */
    private $tracks;

    /**
     * @var CommentCollectionFactory
     */
    private $comments;

    /**
     * @param OrderDocument $document
     * @param Fields $fields
     * @param TrackCollectionFactory $tracks
     * @param CommentCollectionFactory $comments
     */
    public function __construct(
        OrderDocument $document,
        Fields $fields,
        TrackCollectionFactory $tracks,
        CommentCollectionFactory $comments
    ) {
        $this->document = $document;
        $this->fields = $fields;
        $this->tracks = $tracks;
        $this->comments = $comments;
    }

    /**
     * @inheritdoc
     */
    public function storeId(DataObject $object): ?int
    {
        return $this->document->storeId($object);
    }

    /**
     * Takes the snapshot of a shipment.
     *
     * @param DataObject|\Magento\Sales\Model\Order\Shipment $object
     * @param array $stored
     * @return Snapshot|null
     */
    public function of(DataObject $object, array $stored = []): ?Snapshot
    {
        return $this->document->of($object, self::FIELDS, $stored, [
            'tracks' => $this->belongingTo($object, $this->tracks, self::TRACK),
            'comments' => $this->belongingTo($object, $this->comments, self::COMMENT),
        ]);
    }

    /**
     * Returns the rows of the database: the object's own lists may be outdated, or not saved yet.
     *
     * @param DataObject $shipment
     * @param TrackCollectionFactory|CommentCollectionFactory $collections
     * @param string[] $names
     * @return array[]
     */
    private function belongingTo(DataObject $shipment, $collections, array $names): array
    {
        $collection = $collections->create();
        $collection->setShipmentFilter($shipment->getId());
        $collection->setOrder('entity_id', 'ASC');
        $fields = [];
        foreach ($collection as $part) {
            $fields[] = $this->fields->of($part, $names);
        }

        return $fields;
    }
}
