<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent;

if (interface_exists(\Magento\Framework\ObjectManager\ResetAfterRequestInterface::class)) {
    /**
     * Holds something of a request: Magento calls _resetState() between two requests of one process, from 2.4.7 on.
     */
    interface ResettableInterface extends \Magento\Framework\ObjectManager\ResetAfterRequestInterface
    {
    }
} else {
    /**
     * Older versions of Magento end the process with the request.
     */
    interface ResettableInterface
    {
        /**
         * Forgets what belongs to a request.
         */
        public function _resetState(): void;
    }
}
