<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Framework\DataObject;
use Magento\Framework\Model\AbstractModel;
use MagentoEventBridge\Agent\Capture\Surroundings;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;
use MagentoEventBridge\Agent\Memory\ObjectState;
use MagentoEventBridge\Agent\Memory\ObjectStates;
use MagentoEventBridge\Agent\Memory\StoredRow;
use MagentoEventBridge\Agent\Snapshot\Snapshot;
use MagentoEventBridge\Agent\Snapshot\SnapshotInterface;

/**
 * Tells of a thing that has a row in the database: announced, saved, deleted.
 *
 * What is announced before a save is told with the save. Of each transaction it tells each event of
 * a thing once, with the last state of it.
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
    private $notes;

    /**
     * @var StoredRow
     */
    private $rows;

    /**
     * @var Surroundings
     */
    private $surroundings;

    /**
     * @var CaptureRecorder
     */
    private $teller;

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
     * @param ObjectStates $notes
     * @param StoredRow $rows
     * @param Surroundings $surroundings
     * @param CaptureRecorder $teller
     * @param TransactionBuffer $buffer
     * @param string $prefix of the names of the thing's events
     * @param string $name of the thing in its events' data
     * @param string[] $watched columns whose change is worth telling; none: any column
     * @param string[] $exceptAreas where the thing is not worth telling
     * @param bool $hasPartsSavedLater the snapshot is whole only at the end of the transaction
     * @param string $createdWith column that is empty until the entity is really created, as with orders
     *     that Magento accepts first and places later; none: the first save creates it
     */
    public function __construct(
        SnapshotInterface $snapshots,
        ObjectStates $notes,
        StoredRow $rows,
        Surroundings $surroundings,
        CaptureRecorder $teller,
        TransactionBuffer $buffer,
        string $prefix,
        string $name,
        array $watched = [],
        array $exceptAreas = [],
        bool $hasPartsSavedLater = false,
        string $createdWith = ''
    ) {
        $this->snapshots = $snapshots;
        $this->notes = $notes;
        $this->rows = $rows;
        $this->surroundings = $surroundings;
        $this->teller = $teller;
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
        $thing = $data->getData($this->name);
        if (
            !$thing instanceof AbstractModel
            || in_array($this->surroundings->getArea(), $this->exceptAreas, true)
        ) {
            return;
        }
        switch ($event) {
            case $this->prefix . self::SAVE_BEFORE:
                $this->beforeSave($thing);
                break;
            case $this->prefix . self::SAVE_AFTER:
                $this->afterSave($thing);
                break;
            case $this->prefix . self::DELETE_BEFORE:
                $this->beforeDelete($thing);
                break;
            case $this->prefix . self::DELETE_AFTER:
                $this->afterDelete($event, $thing);
                break;
            default:
                $this->announce($event, $thing);
        }
    }

    private function announce(string $event, AbstractModel $thing): void
    {
        if ($this->teller->isOn($event, $this->storeId($thing))) {
            $this->notes->of($thing)->announced[$event] = true;
        }
    }

    /**
     * ObjectStates the thing's row, so that the save can be compared with it.
     *
     * Within a transaction that is the row before the first save, by whichever object that was.
     */
    private function beforeSave(AbstractModel $thing): void
    {
        $event = $this->prefix . self::SAVE_AFTER;
        $note = $this->notes->of($thing);
        $isToBeTold = $note->announced || $this->teller->isOn($event, $this->storeId($thing));
        if (!$isToBeTold) {
            return;
        }
        $key = $this->key($event, $thing);
        if ($this->buffer->find($key) === null) {
            $note->before = $this->rows->of($thing);
        } elseif ($this->buffer->findNote($key) !== null) {
            $note->before = $this->buffer->findNote($key)->before;
        }
    }

    private function afterSave(AbstractModel $thing): void
    {
        $event = $this->prefix . self::SAVE_AFTER;
        $note = $this->notes->of($thing);
        $isToBeTold = $this->teller->isOn($event, $this->storeId($thing));
        if (!$isToBeTold && !$note->announced) {
            return;
        }
        $isNew = $this->isCreated($thing, $note->before);
        $changes = $isNew ? [] : $this->rows->changes($note->before, $thing, $this->watched);
        $snapshot = $this->snapshots->of($thing, $note->before ?? []);
        if ($snapshot === null) {
            return;
        }
        // A former value of a field that may not be told is not told either, only that it changed.
        $fields = $snapshot->getFields();
        foreach (array_keys($changes) as $name) {
            $changes[$name] = array_key_exists($name, $fields) ? $changes[$name] : null;
        }
        foreach (array_keys($note->announced) as $announced) {
            $this->tell($announced, $thing, $snapshot, $note, $isNew, $changes);
        }
        if ($isToBeTold) {
            $this->tell($event, $thing, $snapshot, $note, $isNew, $changes, !$isNew && !$changes);
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
     * Takes the last snapshot, while the thing's parts are still there.
     */
    private function beforeDelete(AbstractModel $thing): void
    {
        $event = $this->prefix . self::DELETE_AFTER;
        if (!$thing->getId() || !$this->teller->isOn($event, $this->storeId($thing))) {
            return;
        }
        $row = $this->rows->of($thing) ?: [];
        $snapshot = $this->snapshots->of($thing, $row);
        if ($snapshot !== null) {
            $this->notes->of($thing)->last = $snapshot->with($row);
        }
    }

    private function afterDelete(string $event, AbstractModel $thing): void
    {
        $note = $this->notes->of($thing);
        if ($note->last !== null) {
            $this->tell($event, $thing, $note->last, $note, false, []);
        }
    }

    private function tell(
        string $event,
        AbstractModel $thing,
        Snapshot $snapshot,
        ObjectState $note,
        bool $isNew,
        array $original,
        bool $nothing = false
    ): void {
        $key = $this->key($event, $thing);
        $capture = $this->buffer->find($key);
        if ($capture === null) {
            if ($nothing) {
                return;
            }
            $capture = $this->teller->capture($event, $this->storeId($thing), $snapshot);
        }
        $capture->show($snapshot->getFields(), $original, $isNew);
        $capture->setTellsNothing($nothing);
        if (($this->hasPartsSavedLater || $snapshot->hasPartsSavedLater()) && $snapshot !== $note->last) {
            $capture->setLastLook(function () use ($thing, $note): array {
                return $this->snapshots->of($thing, $note->before ?? [])->getFields();
            });
        }
        $this->buffer->hold($key, $capture, $note);
    }

    /**
     * Gives the thing's store view; a program may save a thing without naming it.
     */
    private function storeId(AbstractModel $thing): ?int
    {
        $stored = $this->notes->of($thing)->before['store_id'] ?? null;

        return $this->snapshots->storeId($thing) ?? ($stored === null ? null : (int)$stored);
    }

    private function key(string $event, AbstractModel $thing): string
    {
        return $event . '/' . $thing->getId();
    }
}
