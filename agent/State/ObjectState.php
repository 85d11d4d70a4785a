<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\State;

use MagentoEventBridge\Agent\Snapshot\Snapshot;

/**
 * What the agent holds about one object until its captures are handed over.
 */
class ObjectState
{
    /**
     * The object's former row in the database; null if there was none.
     *
     * @var array|null
     */
    public $before;

    /**
     * The events that were dispatched before the object is saved, as keys.
     *
     * @var bool[]
     */
    public $announced = [];

    /**
     * Whether the cart was merged into another one.
     *
     * @var bool
     */
    public $isMerged = false;

    /**
     * Whether the customer is being saved for the first time.
     *
     * @var bool
     */
    public $isBeingCreated = false;

    /**
     * The quantity added to a cart item; null if none was added.
     *
     * @var float|null
     */
    public $added;

    /**
     * The snapshot of an object that is being deleted.
     *
     * @var Snapshot|null
     */
    public $last;

    /**
     * The values of declared columns in waiting captures, and in captures handed over.
     *
     * @var array
     */
    public $announcedColumns = [];

    /**
     * @var array
     */
    public $settledColumns = [];

    /**
     * The object's row before a save, for own events; empty if there was none, null if it was not read.
     *
     * @var array|null
     */
    public $declaredRow;

    /**
     * Removes what has been handed over; not called for a transaction that is rolled back.
     */
    public function settle(): void
    {
        $this->settledColumns = array_replace($this->settledColumns, $this->announcedColumns);
        $this->announcedColumns = [];
        $this->declaredRow = null;
        $this->announced = [];
        $this->added = null;
        $this->last = null;
    }
}
