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
     * @var string[][]
     */
    private $implied;

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
     * @param string[][] $implied events that Magento does not always dispatch, by their names: the values of
     *     the columns that a save must set for them
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
        string $createdWith = '',
        array $implied = []
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
        $this->implied = $implied;
    }

    /**
     * @inheritdoc
     */
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

    /**
     * Notes an event that is dispatched before the save.
     */
    private function announce(string $event, AbstractModel $object): void
    {
        if ($this->isOn($event, $object)) {
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
        $state = $this->states->of($object);
        if ($state->announced || $this->isOn($this->prefix . self::SAVE_AFTER, $object) || $this->isImpliedOn($object)) {
            $state->before = $this->buffer->rowBefore($this->prefix, $object, function () use ($object): ?array {
                return $this->rows->of($object);
            });
        }
    }

    /**
     * Captures the save, and the events that were dispatched before it.
     */
    private function afterSave(AbstractModel $object): void
    {
        $event = $this->prefix . self::SAVE_AFTER;
        $state = $this->states->of($object);
        $isSaveCaptured = $this->isOn($event, $object);
        if (!$isSaveCaptured && !$state->announced && !$this->isImpliedOn($object)) {
            return;
        }
        $isNew = $this->isCreated($object, $state->before);
        $snapshot = $this->snapshots->of($object, $state->before ?? []);
        if ($snapshot === null) {
            return;
        }
        $saved = $this->isSavedByAnother($event, $object) ? $this->rows->of($object) ?? [] : [];
        $snapshot = $snapshot->with($saved);
        $now = $saved ?: $object->getData();
        $changes = $isNew ? [] : $this->rows->changes($state->before, $now, $object, $this->watched);
        // For a field that may not leave the shop, only the change itself is captured.
        $fields = $snapshot->getFields();
        foreach (array_keys($changes) as $name) {
            $changes[$name] = array_key_exists($name, $fields) ? $changes[$name] : null;
        }
        foreach (array_keys($state->announced) as $announced) {
            $this->capture($announced, $object, $snapshot, $state, $isNew, $changes, false, $saved);
        }
        foreach (array_keys(array_diff_key($this->implied, $state->announced)) as $implied) {
            $isImplied = !$isNew && $this->isImplied($implied, $state->before, $now);
            if ($this->isOn($implied, $object)) {
                $this->capture($implied, $object, $snapshot, $state, $isNew, $changes, !$isImplied, $saved);
            }
        }
        if ($isSaveCaptured) {
            $this->capture($event, $object, $snapshot, $state, $isNew, $changes, !$isNew && !$changes, $saved);
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
     * Returns whether another object of the entity was saved in this transaction, which makes this one outdated:
     * an observer that runs while this object is being saved may load and save the entity.
     */
    private function isSavedByAnother(string $event, AbstractModel $object): bool
    {
        $state = $this->buffer->findState($this->key($event, $object));

        return $state !== null && $state !== $this->states->of($object);
    }

    /**
     * Returns whether the save sets the columns that stand for an event which was not dispatched.
     */
    private function isImplied(string $event, array $before, array $now): bool
    {
        $isChanged = false;
        foreach ($this->implied[$event] as $column => $value) {
            if ((string)($now[$column] ?? $before[$column] ?? '') !== $value) {
                return false;
            }
            $isChanged = $isChanged || (string)($before[$column] ?? '') !== $value;
        }

        return $isChanged;
    }

    /**
     * Returns whether an implied event is switched on.
     */
    private function isImpliedOn(AbstractModel $object): bool
    {
        foreach (array_keys($this->implied) as $event) {
            if ($this->isOn($event, $object)) {
                return true;
            }
        }

        return false;
    }

    /**
     * Returns whether an event is switched on in the object's store view.
     */
    private function isOn(string $event, AbstractModel $object): bool
    {
        return $this->recorder->isOn($event, $this->storeId($object));
    }

    /**
     * Takes the last snapshot, while the object's parts are still there.
     */
    private function beforeDelete(AbstractModel $object): void
    {
        $event = $this->prefix . self::DELETE_AFTER;
        if (!$object->getId() || !$this->isOn($event, $object)) {
            return;
        }
        // A cart that is saved again after an item was removed deletes this item again.
        $row = $this->rows->of($object);
        $snapshot = $row === null ? null : $this->snapshots->of($object, $row);
        $this->states->of($object)->last = $snapshot === null ? null : $snapshot->with($row);
    }

    /**
     * Captures the deletion.
     */
    private function afterDelete(string $event, AbstractModel $object): void
    {
        $state = $this->states->of($object);
        if ($state->last !== null) {
            $this->capture($event, $object, $state->last, $state, false, []);
        }
    }

    /**
     * Adds a capture, or updates the one of the same transaction.
     */
    private function capture(
        string $event,
        AbstractModel $object,
        Snapshot $snapshot,
        ObjectState $state,
        bool $isNew,
        array $original,
        bool $nothing = false,
        array $saved = []
    ): void {
        $key = $this->key($event, $object);
        $capture = $this->buffer->find($key);
        if ($capture === null) {
            if ($nothing) {
                return;
            }
            $capture = $this->recorder->capture($event, $this->storeId($object), $snapshot);
        }
        if ($capture->getEvent() !== $event) {
            // It was captured with one of its parts, an address or a comment: that remains a change.
            $original += $capture->getOriginal();
            $nothing = false;
        }
        $capture->show($snapshot->getFields(), $original, $isNew);
        $capture->setTellsNothing($nothing);
        if (($this->hasPartsSavedLater || $snapshot->hasPartsSavedLater()) && $snapshot !== $state->last) {
            $capture->setRefresher(function () use ($object, $state, $saved): array {
                return $this->snapshots->of($object, $state->before ?? [])->with($saved)->getFields();
            });
        }
        $this->buffer->hold($key, $capture, $state, $object);
    }

    /**
     * Returns the object's store view; code may save an object without setting it.
     */
    private function storeId(AbstractModel $object): ?int
    {
        $stored = $this->states->of($object)->before['store_id'] ?? null;

        return $this->snapshots->storeId($object) ?? ($stored === null ? null : (int)$stored);
    }

    /**
     * Returns the key of an event of an object in a transaction.
     */
    private function key(string $event, AbstractModel $object): string
    {
        return $event . '/' . $object->getId();
    }
}
