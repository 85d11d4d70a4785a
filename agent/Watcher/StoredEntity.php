<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\DataObject;
use Magento\Framework\Model\AbstractModel;
use MagentoEventBridge\Agent\Capture\ExecutionContext;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;
use MagentoEventBridge\Agent\State\ObjectState;
use MagentoEventBridge\Agent\State\ObjectStates;
use MagentoEventBridge\Agent\State\StoredRow;
use MagentoEventBridge\Agent\Snapshot\Snapshot;
use MagentoEventBridge\Agent\Snapshot\SnapshotInterface;

/**
 * Captures the events of an entity with a row in the database: dispatched, saved, deleted.
 *
 * An event dispatched before a save is captured with the save. In each transaction, each event of
 * an entity is captured once, with the entity's last state.
 */
class StoredEntity implements WatcherInterface
{
    private const SAVE_BEFORE = '_save_before';
    private const SAVE_AFTER = '_save_after';
    private const DELETE_BEFORE = '_delete_before';
    private const DELETE_AFTER = '_delete_after';

    /**
     * @var SnapshotInterface
     */
    private $snapshots;

    /**
     * @var ObjectStates
     */
    private $states;

    /**
     * @var StoredRow
     */
    private $rows;

    /**
     * @var ExecutionContext
     */
    private $execution;

    /**
     * @var CaptureRecorder
     */
    private $recorder;

    /**
     * @var TransactionBuffer
     */
    private $buffer;

    /**
     * @var string
     */
    private $prefix;

    /**
     * @var string
     */
    private $name;

    /**
     * @var string[]
     */
    private $watched;

    /**
     * @var string[]
     */
    private $exceptAreas;

    /**
     * @var bool
     */
    private $hasPartsSavedLater;

    /**
     * @var string
     */
    private $createdWith;

    /**
     * @param SnapshotInterface $snapshots
     * @param ObjectStates $states
     * @param StoredRow $rows
     * @param ExecutionContext $execution
     * @param CaptureRecorder $recorder
     * @param TransactionBuffer $buffer
     * @param string $prefix of the names of the object's events
     * @param string $name of the object in its events' data
     * @param string[] $watched columns whose change is worth telling; none: any column
     * @param string[] $exceptAreas where the object is not worth telling
     * @param bool $hasPartsSavedLater the snapshot is whole only at the end of the transaction
     * @param string $createdWith column that is empty until the entity is really created, as with orders
     *     that Magento accepts first and places later; none: the first save creates it
     */
    public function __construct(
        SnapshotInterface $snapshots,
        ObjectStates $states,
        StoredRow $rows,
        ExecutionContext $execution,
        CaptureRecorder $recorder,
        TransactionBuffer $buffer,
        string $prefix,
        string $name,
        array $watched = [],
        array $exceptAreas = [],
        bool $hasPartsSavedLater = false,
        string $createdWith = ''
    ) {
        $this->snapshots = $snapshots;
        $this->states = $states;
        $this->rows = $rows;
        $this->execution = $execution;
        $this->recorder = $recorder;
        $this->buffer = $buffer;
        $this->prefix = $prefix;
        $this->name = $name;
        $this->watched = $watched;
        $this->exceptAreas = $exceptAreas;
        $this->hasPartsSavedLater = $hasPartsSavedLater;
        $this->createdWith = $createdWith;
    }

    public function on(string $event, DataObject $data): void
    {
        $object = $data->getData($this->name);
        if (
            !$object instanceof AbstractModel
            || in_array($this->execution->getArea(), $this->exceptAreas, true)
        ) {
            return;
        }
        switch ($event) {
            case $this->prefix . self::SAVE_BEFORE:
                $this->beforeSave($object);
                break;
            case $this->prefix . self::SAVE_AFTER:
                $this->afterSave($object);
                break;
            case $this->prefix . self::DELETE_BEFORE:
                $this->beforeDelete($object);
                break;
            case $this->prefix . self::DELETE_AFTER:
                $this->afterDelete($event, $object);
                break;
            default:
                $this->announce($event, $object);
        }
    }

    private function announce(string $event, AbstractModel $object): void
    {
        if ($this->recorder->isOn($event, $this->storeId($object))) {
            $this->states->of($object)->announced[$event] = true;
        }
    }

    /**
     * Reads the entity's row, so that the save can be compared with it.
     *
     * Within a transaction, this is the row before the first save of any object of the entity.
     */
    private function beforeSave(AbstractModel $object): void
    {
        $event = $this->prefix . self::SAVE_AFTER;
        $state = $this->states->of($object);
        $isToBeTold = $state->announced || $this->recorder->isOn($event, $this->storeId($object));
        if (!$isToBeTold) {
            return;
        }
        $key = $this->key($event, $object);
        if ($this->buffer->find($key) === null) {
            $state->before = $this->rows->of($object);
        } elseif ($this->buffer->findState($key) !== null) {
            $state->before = $this->buffer->findState($key)->before;
        }
    }

    private function afterSave(AbstractModel $object): void
    {
        $event = $this->prefix . self::SAVE_AFTER;
        $state = $this->states->of($object);
        $isToBeTold = $this->recorder->isOn($event, $this->storeId($object));
        if (!$isToBeTold && !$state->announced) {
            return;
        }
        $isNew = $this->isCreated($object, $state->before);
        $changes = $isNew ? [] : $this->rows->changes($state->before, $object, $this->watched);
        $snapshot = $this->snapshots->of($object, $state->before ?? []);
        if ($snapshot === null) {
            return;
        }
        // For a field that may not leave the shop, only the change itself is captured.
        $fields = $snapshot->getFields();
        foreach (array_keys($changes) as $name) {
            $changes[$name] = array_key_exists($name, $fields) ? $changes[$name] : null;
        }
        foreach (array_keys($state->announced) as $announced) {
            $this->capture($announced, $object, $snapshot, $state, $isNew, $changes);
        }
        if ($isToBeTold) {
            $this->capture($event, $object, $snapshot, $state, $isNew, $changes, !$isNew && !$changes);
        }
    }

    /**
     * Returns whether this save creates the entity.
     */
    private function isCreated(AbstractModel $entity, ?array $before): bool
    {
        if ($before === null) {
            return true;
        }

        return $this->createdWith !== ''
            && array_key_exists($this->createdWith, $before)
            && (string)$before[$this->createdWith] === ''
            && (string)$entity->getData($this->createdWith) !== '';
    }

    /**
     * Takes the last snapshot, while the object's parts are still there.
     */
    private function beforeDelete(AbstractModel $object): void
    {
        $event = $this->prefix . self::DELETE_AFTER;
        if (!$object->getId() || !$this->recorder->isOn($event, $this->storeId($object))) {
            return;
        }
        $row = $this->rows->of($object) ?: [];
        $snapshot = $this->snapshots->of($object, $row);
        if ($snapshot !== null) {
            $this->states->of($object)->last = $snapshot->with($row);
        }
    }

    private function afterDelete(string $event, AbstractModel $object): void
    {
        $state = $this->states->of($object);
        if ($state->last !== null) {
            $this->capture($event, $object, $state->last, $state, false, []);
        }
    }

    private function capture(
        string $event,
        AbstractModel $object,
        Snapshot $snapshot,
        ObjectState $state,
        bool $isNew,
        array $original,
        bool $nothing = false
    ): void {
        $key = $this->key($event, $object);
        $capture = $this->buffer->find($key);
        if ($capture === null) {
            if ($nothing) {
                return;
            }
            $capture = $this->recorder->capture($event, $this->storeId($object), $snapshot);
        }
        $capture->show($snapshot->getFields(), $original, $isNew);
        $capture->setTellsNothing($nothing);
        if (($this->hasPartsSavedLater || $snapshot->hasPartsSavedLater()) && $snapshot !== $state->last) {
            $capture->setRefresher(function () use ($object, $state): array {
                return $this->snapshots->of($object, $state->before ?? [])->getFields();
            });
        }
        $this->buffer->hold($key, $capture, $state);
    }

    /**
     * Returns the object's store view; code may save an object without setting it.
     */
    private function storeId(AbstractModel $object): ?int
    {
        $stored = $this->states->of($object)->before['store_id'] ?? null;

        return $this->snapshots->storeId($object) ?? ($stored === null ? null : (int)$stored);
    }

    private function key(string $event, AbstractModel $object): string
    {
        return $event . '/' . $object->getId();
    }
}
